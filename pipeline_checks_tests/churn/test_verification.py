"""Every message either predicted or dead-lettered, once, right and in time: as the checks of the pipeline tell it."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from pipeline_checks.model.verdict import Verdict
from pipeline_checks.pipelines.churn.seed import dataset
from pipeline_checks.pipelines.churn.seed.customers import customers
from pipeline_checks_tests.churn.programs import Programs
from pipeline_checks_tests.churn.topics import Topics
from pipeline_checks_tests.churn.verified import checked, findings, told, unclean

ROWS = 120
Check = Callable[..., Any]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file of customers."""
    path = tmp_path / "data" / "customers.csv"
    dataset.write(path, customers(ROWS, 4))
    return path


@pytest.fixture
def scored(programs: Programs, topics: Topics, source: Path) -> Topics:
    """Topics of customers that were published and scored."""
    assert programs.produce_all(topics, source).code == 0
    assert programs.consume_all(topics).code == 0
    return topics


def test_a_clean_run_passes_every_check(scored: Topics, source: Path, model_path: Path) -> None:
    result = checked(scored, source, model_path)
    assert unclean(result) == {}
    verdicts = told(result)
    assert verdicts["consumer_group.conservation"] == (
        Verdict.PASS,
        f"{ROWS} inputs: {ROWS} in topic_predictions, 0 in topic_deadletter",
    )
    assert verdicts["topic_raw.counts"] == (Verdict.PASS, f"{ROWS} rows, {ROWS} expected by customer_source")
    assert f"{ROWS} rows of 22 columns compared" in verdicts["topic_raw.reconcile"][1]
    assert "input_to_output of" in verdicts["topic_predictions.latency"][1]
    by_name = {(c.stage, c.check): c.judgement for c in result.checks}
    predictions = by_name["topic_predictions", "predictions"]
    assert predictions.looked_at == {"predictions": ROWS}
    assert predictions.measures["second_scorer"] <= 1e-9
    assert by_name["consumer_group", "lag"].measures["lag"] == 0
    assert by_name["topic_raw", "throughput"].measures["records"] == ROWS
    assert by_name["topic_predictions", "freshness"].measures["newest_event_time"] is not None


def test_what_nobody_has_consumed_is_unsettled_and_never_passed(
    programs: Programs, topics: Topics, source: Path, model_path: Path
) -> None:
    assert programs.produce_all(topics, source).code == 0
    assert programs.consume_all(topics, "--max-messages", "50").code == 0
    result = checked(topics, source, model_path, deadline=1.0)
    verdicts = {name: verdict for name, (verdict, _) in told(result).items()}
    behind = {n: v for n, v in verdicts.items() if n.startswith(("consumer_group", "topic_pred", "topic_dead"))}
    assert set(behind.values()) == {Verdict.UNSETTLED}, told(result)
    assert {v for n, v in verdicts.items() if n not in behind} <= {Verdict.PASS, Verdict.WARN}
    assert told(result)["consumer_group.lag"][1].startswith("not settled: 70 records left")


def test_empty_topics_prove_nothing(topics: Topics, source: Path, model_path: Path) -> None:
    verdicts = told(checked(topics, source, model_path, deadline=1.5))
    assert verdicts["topic_raw.counts"][0] in (Verdict.FAIL, Verdict.UNSETTLED)
    assert verdicts["consumer_group.conservation"][0] is Verdict.UNSETTLED
    assert verdicts["topic_predictions.predictions"][0] is Verdict.UNSETTLED


def test_what_comes_again_at_least_once_is_found_and_counted_exactly(
    programs: Programs, scored: Topics, source: Path, model_path: Path
) -> None:
    """A consumer that commits later than it publishes begins again where its last commit was."""
    back = 7
    committed = scored.committed()
    partition = max(committed, key=lambda p: committed[p])
    rewind(scored, partition, committed[partition] - back)
    assert programs.consume_all(scored, "--delivery", "at-least-once").code == 0
    again = [(partition, o) for o in range(committed[partition] - back, committed[partition])]
    assert sorted(p for p, n in Counter(r.source for r in scored.read(scored.predictions)).items() if n > 1) == again
    result = checked(scored, source, model_path)
    assert set(unclean(result)) == {"consumer_group.conservation"}
    found = findings(result)
    assert sorted((f.key["partition"], f.key["offset"]) for f in found if f.key) == again
    assert {(f.kind, f.detail, f.stage) for f in found} == {("duplicate", "replayed", "topic_predictions")}


def test_lost_results_whose_offsets_were_committed_are_found_exactly(
    programs: Programs, topics: Topics, source: Path, model_path: Path
) -> None:
    """A consumer that commits before it publishes loses what it was about to write."""
    assert programs.produce_all(topics, source).code == 0
    ends = topics.ends(topics.raw)
    partition = max(ends, key=lambda p: ends[p])
    rewind(topics, partition, 3)
    assert programs.consume_all(topics).code == 0
    result = checked(topics, source, model_path)
    assert set(unclean(result)) == {"consumer_group.conservation"}
    assert [(f.kind, f.detail, f.key) for f in findings(result)] == [
        ("missing", "no_output", {"partition": partition, "offset": offset}) for offset in range(3)
    ]


def test_of_what_has_expired_nothing_is_said_and_a_foreign_output_is_told(
    scored: Topics, source: Path, model_path: Path
) -> None:
    """The first records of the input are gone, and one output names a record of another topic."""
    partition = max(ends := scored.ends(scored.raw), key=lambda p: ends[p])
    expire(scored.broker, scored.raw, partition, 5)
    known = scored.read(scored.predictions)[0]
    foreign = {**known.headers, "source_topic": b"somewhere.else"}
    write(scored.broker, scored.predictions, known, known.body, foreign)
    result = checked(scored, source, model_path)
    assert set(unclean(result)) == {"consumer_group.conservation"}
    (found,) = findings(result)
    assert (found.kind, found.detail, found.stage) == ("unexpected", "no_input", "topic_predictions")
    assert "somewhere.else" in found.message
    verdicts = told(result)
    assert "nothing can be said of 5 records" in verdicts["consumer_group.conservation"][1]
    assert verdicts["topic_raw.counts"][0] is Verdict.WARN
    assert "5 predictions of an input that is not there" not in verdicts["topic_raw.counts"][1]
    assert verdicts["topic_predictions.predictions"][0] is Verdict.WARN


BAD: Sequence[tuple[str | None, Any]] = (
    ("INVALID_001", {"customerID": "INVALID_001", "gender": "Unknown"}),
    ("INVALID_002", {"customerID": "INVALID_002", "tenure": -5, "MonthlyCharges": "text"}),
    ("x", b"{not json"),
    ("x", b"\xff\xfe"),
    ("x", None),
    (None, [1, 2]),
)


def test_bad_messages_are_told_where_they_came_in_and_dead_letters_only_where_they_are_not_right(
    programs: Programs, scored: Topics, source: Path, model_path: Path
) -> None:
    scored.send(BAD)
    assert programs.consume_all(scored).code == 0
    result = checked(scored, source, model_path)
    # The rows that no file has, and the form of the messages; what became of them is right.
    assert set(unclean(result)) == {
        "topic_raw.counts",
        "topic_raw.json_schema",
        "topic_raw.duplicates",
        "topic_raw.nulls",
    }
    letters_found = next(c.judgement for c in result.checks if c.check == "dead_letters")
    assert letters_found.measures["types"] == {"validation_error": 2, "processing_error": 4}
    schema = next(c.judgement for c in result.checks if (c.stage, c.check) == ("topic_raw", "json_schema"))
    assert (schema.measures["messages"], schema.measures["invalid"]) == (ROWS + len(BAD), len(BAD))
    letters = scored.read(scored.dead_letters)
    bodies = [(r, r.body) for r in letters]
    first = next((r, b) for r, b in bodies if b["original_message"].get("customerID") == "INVALID_001")
    second = next((r, b) for r, b in bodies if b["original_message"].get("reason") == "not_json")
    truncated = {**first[1], "original_message": {"customerID": "INVALID_001"}, "validation_errors": []}
    write(scored.broker, scored.dead_letters, first[0], truncated)
    write(scored.broker, scored.dead_letters, second[0], {**second[1], "error_type": "inference_error"})
    found = [f for f in findings(checked(scored, source, model_path)) if f.stage == "topic_deadletter"]
    said = {(f.kind, f.detail, tuple((f.key or {}).values())) for f in found}
    assert said == {
        ("changed", "original_message", first[0].source),
        ("changed", "validation_errors", first[0].source),
        ("unaccepted_value", "error_type", second[0].source),
        ("duplicate", "replayed", first[0].source),
        ("duplicate", "replayed", second[0].source),
    }


def test_conservation_holds_at_a_cut_while_everything_goes_on(
    programs: Programs, topics: Topics, source: Path, model_path: Path
) -> None:
    consumer = programs.consumer(topics)
    producer = programs.producer(topics, source, "--events-per-sec", "400", "--seed", "1", mode="streaming")
    topics.wait_for_outputs(100)
    stages = ("consumer_group", "topic_predictions", "topic_deadletter")
    seen = 0
    for _ in range(3):
        result = checked(topics, source, model_path, stages=stages)
        assert unclean(result) == {}
        inputs = next(c.judgement.looked_at["events"] for c in result.checks if c.check == "conservation")
        assert inputs > seen
        seen = inputs
    assert producer.stop().code == 0
    assert consumer.stop().code == 0


def test_a_killed_consumer_that_is_started_again_leaves_no_trace(
    programs: Programs, topics: Topics, tmp_path: Path, model_path: Path
) -> None:
    path = tmp_path / "many" / "customers.csv"
    dataset.write(path, customers(1500, 6))
    assert programs.produce_all(topics, path).code == 0
    for outputs in (200, 700):
        killed = programs.consumer(topics, "--instance", "0", "--batch-size", "50", "--transaction-timeout-ms", "3000")
        topics.wait_for_outputs(outputs)
        killed.kill()
    assert programs.consume_all(topics, "--instance", "0", "--transaction-timeout-ms", "3000").code == 0
    assert unclean(checked(topics, path, model_path)) == {}


@pytest.mark.soak
@pytest.mark.parametrize("delivery", ["transactional", "at-least-once"])
def test_twenty_kills_at_any_point(
    delivery: str, programs: Programs, topics: Topics, tmp_path: Path, model_path: Path
) -> None:
    """In transactions nothing is lost or doubled; without, what came again is found: at most one batch a kill."""
    kills, batch, path = 20, 25, tmp_path / "many" / "customers.csv"
    dataset.write(path, customers(4000, 6))
    assert programs.produce_all(topics, path).code == 0
    points = sorted(random.Random(delivery).sample(range(50, 3800), kills))
    options = (
        "--delivery",
        delivery,
        "--instance",
        "0",
        "--batch-size",
        str(batch),
        "--transaction-timeout-ms",
        "3000",
    )
    for outputs in points:
        killed = programs.consumer(topics, *options)
        topics.wait_for_outputs(outputs)
        killed.kill()
    assert programs.consume_all(topics, *options, seconds=120).code == 0
    result = checked(topics, path, model_path)
    kinds = {(f.kind, f.detail) for f in findings(result)}
    assert kinds <= (set() if delivery == "transactional" else {("duplicate", "replayed")})
    made = next(c.judgement for c in result.checks if c.check == "conservation")
    assert made.measures["missing"] == 0
    assert made.measures["repeated"] <= kills * batch


def rewind(topics: Topics, partition: int, offset: int) -> None:
    """Commit another offset in the name of the group, which must have no member."""
    consumer = Consumer({"bootstrap.servers": topics.broker, "group.id": topics.group})
    try:
        consumer.commit(offsets=[TopicPartition(topics.raw, partition, offset)], asynchronous=False)
    finally:
        consumer.close()


def expire(broker: str, topic: str, partition: int, before: int) -> None:
    """Remove the records before an offset, as retention does."""
    admin = AdminClient({"bootstrap.servers": broker})
    for future in admin.delete_records([TopicPartition(topic, partition, before)]).values():
        future.result(timeout=20)


def write(broker: str, topic: str, record: Any, body: Any, headers: dict[str, bytes] | None = None) -> None:
    """Write a record again with another body, and other headers."""
    producer = Producer({"bootstrap.servers": broker})
    given = list((headers or dict(record.headers)).items())
    producer.produce(topic, value=json.dumps(body).encode(), key=record.key, headers=given, partition=record.partition)
    assert producer.flush(20) == 0
