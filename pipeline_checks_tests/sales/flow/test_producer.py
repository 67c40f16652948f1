"""The producer against Kafka: each line once, whatever happens to it, and nothing of a file that is refused."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import orjson
import pytest

from pipeline_checks.clients.kafka_records import header
from pipeline_checks.pipelines.sales.flow.tables import HEADINGS, LINE_FIELDS
from pipeline_checks.pipelines.sales.seed import csv_file
from pipeline_checks.pipelines.sales.seed.catalogue import products, write_reference
from pipeline_checks.pipelines.sales.seed.generator import DataGenerationConfig, Generated, generate
from pipeline_checks_tests.sales.flow.dying.arming import VARIABLE
from pipeline_checks_tests.sales.flow.place import DYING, Place


def written(place: Place, rows: int, name: str = "sales_0001.csv", seed: int = 1) -> tuple[Path, Generated]:
    path = place.folder / name
    made = generate(DataGenerationConfig(rows, seed))
    csv_file.write(path, csv_file.encoded(made.rows), made.truth.document)
    return path, made


def numbers(place: Place) -> Counter[int]:
    return Counter(int(header(m, "source_row_number")) for m in place.messages())


def test_every_line_is_one_message_as_it_stands_in_the_file(place: Place) -> None:
    path, made = written(place, 400)
    done = place.send(path, "--run-id", "run-1")
    lines = len(made.rows)
    assert (done["sent"], done["found"], done["of"]) == (lines, 0, lines)
    assert sum(place.ends().values()) == lines
    assert {p: n for p, n in place.ends().items() if n} == done["partitions"]
    by_key: dict[Any, list[int]] = {}
    for message in place.messages():
        body = orjson.loads(message.value() or b"")
        number = int(header(message, "source_row_number"))
        row = made.rows[number - 1]
        assert {n: body[n] for n in LINE_FIELDS} == {HEADINGS[h]: v for h, v in row.items()}
        assert body["source_row_number"] == number
        assert (body["source_system"], body["source_file"], body["run_id"]) == ("BATCH", path.name, "run-1")
        assert [header(message, n) for n in ("run_id", "source_file")] == ["run-1", path.name]
        by_key.setdefault(message.key(), []).append(number)
    assert {(k or b"").decode() for k in by_key} == {r["Order ID"] for r in made.rows}
    assert all(found == sorted(found) for found in by_key.values())
    assert place.send(path)["sent"] == 0 and sum(place.ends().values()) == lines


def corrupted(content: bytes, row: int) -> bytes:
    """Return a file with control bytes inside the sales of a row."""
    lines = content.split(b"\n")
    fields = lines[row].split(b",")
    place = list(HEADINGS).index("Sales")
    fields[place] = fields[place][:1] + b"\x00\x01\x02\x03\x04" + fields[place][1:]
    lines[row] = b",".join(fields)
    return b"\n".join(lines)


def test_a_corrupted_file_stops_before_anything_is_sent_and_is_sent_whole_once_it_is_repaired(place: Place) -> None:
    path, made = written(place, 300)
    sound = path.read_bytes()
    path.write_bytes(corrupted(sound, 212))
    begun = monotonic()
    done = place.run("producer", *place.producer_options(path))
    assert done.returncode == 1 and monotonic() - begun < 10
    assert f"{path}, line 213, column 'Sales'" in done.stderr
    assert sum(place.ends().values()) == 0 and not path.with_suffix(".checkpoint.json").exists()
    path.write_bytes(sound)
    place.send(path)
    assert numbers(place) == Counter(range(1, len(made.rows) + 1))


def test_with_quarantine_chosen_only_the_broken_record_is_set_aside(place: Place) -> None:
    path, made = written(place, 100)
    path.write_bytes(corrupted(path.read_bytes(), 42))
    done = place.send(path, "--on-malformed", "quarantine")
    assert done["malformed"] == [{"row": 42, "line": 43, "column": "Sales", "reason": "malformed_record"}]
    assert numbers(place) == Counter(range(1, len(made.rows) + 1))
    bodies = [orjson.loads(m.value() or b"") for m in place.messages()]
    (told,) = [b for b in bodies if "rejection_reason" in b]
    assert (told["source_row_number"], told["rejected_column"]) == (42, "sales")
    assert "\x00\x01\x02\x03\x04" in told["raw_record"]


def test_a_missing_column_stops_before_anything_is_sent(place: Place) -> None:
    path = place.folder / "sales.csv"
    path.write_bytes(csv_file.encoded([]).replace(b"Quantity,", b""))
    done = place.run("producer", *place.producer_options(path), "--on-malformed", "quarantine")
    assert done.returncode == 1 and f"{path}, line 1, column 'Quantity'" in done.stderr
    assert sum(place.ends().values()) == 0


def killed_at(place: Place, path: Path, point: str) -> None:
    """Run the producer until it kills itself."""
    program = place.start("producer", *place.producer_options(path), module=DYING, environment={VARIABLE: point})
    assert program.wait(60) == -signal.SIGKILL


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.soak)])
def test_a_producer_that_is_killed_goes_on_and_every_line_is_there_once(place: Place, kills: int) -> None:
    path, made = written(place, 12_000)
    random = Random(kills)
    for number in range(kills):
        # Amid a chunk some lines have arrived and others not; before the second checkpoint all of one have.
        killed_at(place, path, "checkpoints:2" if number == 1 else f"sends:{random.randint(1, 4000 // kills)}")
    held = sum(place.ends().values())
    done = place.send(path)
    assert numbers(place) == Counter(range(1, len(made.rows) + 1))
    assert 0 < done["sent"] < len(made.rows) and done["sent"] == len(made.rows) - held


def test_a_file_that_changed_on_the_way_is_not_gone_on_with(place: Place) -> None:
    path, _ = written(place, 50)
    place.send(path)
    written(place, 50, seed=2)
    done = place.run("producer", *place.producer_options(path))
    assert done.returncode == 1 and "its SHA-256 differs" in done.stderr


def test_events_are_sent_once_too(place: Place) -> None:
    config = DataGenerationConfig(1)
    write_reference(place.folder, products(50, config.last_day), 10)
    options = ("--brokers", place.bootstrap, "--topic", place.events, "--reference", str(place.folder))
    truth = place.folder / "events.truth.json"
    for _ in range(2):
        done = place.run("producer", "--events", "500", "--duplicate-rate", "0.01", "--truth", str(truth), *options)
        assert done.returncode == 0, done.stderr
    found = [orjson.loads(m.value() or b"")["order_id"] for m in place.messages(place.events)]
    counts = orjson.loads(truth.read_bytes())["counts"]
    assert (len(found), len(set(found))) == (500, counts["silver"]) == (500, 495)
