"""The producer: each row once through kills and stops, exact counts, invalid rows told, nothing passed over."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline_checks.model.clock import Deadline
from pipeline_checks.pipelines.churn.seed.customers import customers
from pipeline_checks_tests.churn.customers import csv_of, csv_with
from pipeline_checks_tests.churn.programs import Programs
from pipeline_checks_tests.churn.topics import Record, Topics

ROWS, KILLED_AT, BATCH = 500, 237, 100


def rows_of(records: list[Record]) -> Counter[int]:
    return Counter(int(r.headers["source_row"]) for r in records)


def test_killed_and_started_again_it_sends_each_row_once(programs: Programs, topics: Topics, tmp_path: Path) -> None:
    source = csv_of(tmp_path, ROWS)
    killed = programs.producer(topics, source, "--kill-at-row", str(KILLED_AT)).wait()
    assert killed.code == -9
    checkpoint = json.loads(source.with_suffix(".checkpoint.json").read_bytes())
    assert checkpoint["next_row"] == KILLED_AT // BATCH * BATCH
    resumed = programs.produce_all(topics, source)
    assert resumed.code == 0, resumed.errors
    assert rows_of(topics.read(topics.raw)) == Counter(range(ROWS))
    assert resumed.summary["found"] == KILLED_AT % BATCH + 1
    assert resumed.summary["sent"] == ROWS - KILLED_AT - 1


def test_without_the_look_at_the_topic_it_sends_again_what_lies_behind_the_checkpoint(
    programs: Programs, topics: Topics, tmp_path: Path
) -> None:
    source = csv_of(tmp_path, ROWS)
    assert programs.producer(topics, source, "--kill-at-row", str(KILLED_AT)).wait().code == -9
    assert programs.produce_all(topics, source, "--no-correct").code == 0
    rows = rows_of(topics.read(topics.raw))
    assert set(rows) == set(range(ROWS))
    again = {row for row, times in rows.items() if times > 1}
    assert again == set(range(KILLED_AT // BATCH * BATCH, KILLED_AT + 1))
    assert len(again) <= BATCH


def test_told_to_stop_it_goes_on_where_it_was(programs: Programs, topics: Topics, tmp_path: Path) -> None:
    source = csv_of(tmp_path, 20_000)
    producer = programs.producer(topics, source)
    assert Deadline(20).wait_until(lambda: topics_hold(topics, 100), every=0.01), producer.errors
    stopped = producer.stop()
    assert stopped.code == 0, stopped.errors
    sent = topics.read(topics.raw)
    checkpoint = json.loads(source.with_suffix(".checkpoint.json").read_bytes())
    assert 100 <= len(sent) < 20_000
    assert rows_of(sent) == Counter(range(checkpoint["next_row"]))
    assert programs.produce_all(topics, source, "--count", "50").code == 0
    assert rows_of(topics.read(topics.raw)) == Counter(range(len(sent) + 50))


def topics_hold(topics: Topics, number: int) -> bool:
    return sum(topics.ends(topics.raw).values()) >= number


def test_a_second_run_begins_anew_unless_it_is_to_stay(programs: Programs, topics: Topics, tmp_path: Path) -> None:
    source = csv_of(tmp_path, 30)
    for options, sent in ((["--at-end", "stay"], 30), (["--at-end", "stay"], 0), ([], 0), ([], 30)):
        ended = programs.produce_all(topics, source, *options)
        assert (ended.code, ended.summary["sent"]) == (0, sent)
    assert rows_of(topics.read(topics.raw)) == Counter([*range(30)] * 2)


def test_invalid_rows_are_told_counted_and_kept(programs: Programs, topics: Topics, tmp_path: Path) -> None:
    made = customers(40, 7)
    made[3]["gender"] = "Unknown"
    made[21]["MonthlyCharges"] = "many"
    made[22]["TotalCharges"] = ""
    ended = programs.produce_all(topics, csv_with(tmp_path, made), "--deadletter-topic", topics.dead_letters)
    assert ended.code == 0, ended.errors
    assert {name: ended.summary[name] for name in ("sent", "invalid", "dead_lettered", "failed")} == {
        "sent": 37,
        "invalid": 3,
        "dead_lettered": 3,
        "failed": 0,
    }
    assert rows_of(topics.read(topics.raw)) == Counter(set(range(40)) - {3, 21, 22})
    letters = topics.read(topics.dead_letters)
    assert rows_of(letters) == Counter([3, 21, 22])
    for letter in letters:
        body = letter.body
        assert (body["source_topic"], body["error_type"]) == ("producer", "validation_error")
        assert body["original_message"]["customerID"] == (letter.key or b"").decode()
    told = [line for line in ended.log if line.get("event_type") == "validation_failure"]
    assert len(told) == 3


@pytest.mark.parametrize("unique", [False, True])
def test_streaming_sends_exactly_the_count_at_the_rate_and_the_seed_decides(
    programs: Programs, make_topics: Callable[[], Topics], tmp_path: Path, unique: bool
) -> None:
    source, sent = csv_of(tmp_path, 60), []
    for _ in range(2):
        topics = make_topics()
        options = ["--count", "50", "--events-per-sec", "100", "--seed", "5", "--simulate-lateness"]
        ended = programs.producer(topics, source, *options, *(["--unique"] if unique else []), mode="streaming").wait()
        assert (ended.code, ended.summary["sent"]) == (0, 50), ended.errors
        assert ended.summary["seconds"] >= 49 / 100
        sent.append(rows_of(topics.read(topics.raw)))
    assert sent[0] == sent[1]
    assert (max(sent[0].values()) == 1) is unique


def test_what_it_cannot_work_with_ends_it_with_exit_code_1(programs: Programs, topics: Topics, tmp_path: Path) -> None:
    assert "no data set" in (gone := programs.produce_all(topics, tmp_path / "none.csv")).errors
    assert gone.code == 1
    source = csv_of(tmp_path, 5)
    elsewhere = programs.produce_all(topics, source, "--topic", "telco.not.there")
    assert elsewhere.code == 1 and "there is no topic telco.not.there" in elsewhere.errors
    dry = programs.produce_all(topics, source, "--dry-run")
    assert (dry.code, dry.summary["sent"]) == (0, 5)
    assert not topics_hold(topics, 1)
