"""A table that nothing identifies the rows of, through a real connector: their number is exact at every stage."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from deltalake import CommitProperties, write_deltalake

from pipeline_checks.clients.postgres import connect
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.events import CHANGE_OPERATIONS, OFFSET, OP
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.stages.debezium import DebeziumTopic
from pipeline_checks.stages.registry import open_stage
from pipeline_checks.verification.definition import build_pipeline
from pipeline_checks.verification.options import Options
from pipeline_checks.verification.run import run_checks
from pipeline_checks_tests.stack.own_connector import OwnConnector, own_connector
from pipeline_checks_tests.stack.topics import brokers, produce

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("base_stack")]

CONTRACT: dict[str, Any] = {"key": [], "columns": {"note": "string", "size": "int32"}}
SCHEMA = pa.schema([("note", pa.string()), ("size", pa.int32())])
EVENTS = 8
DDL = "CREATE TABLE log (note text, size int); ALTER TABLE log REPLICA IDENTITY FULL"


@pytest.fixture(scope="module")
def captured() -> Iterator[OwnConnector]:
    """A table of five rows, two of them equal, of which one was deleted again, one updated and one came back."""
    with own_connector("log", DDL) as own:
        with connect(own.url) as database:
            database.execute("INSERT INTO log VALUES ('a', 1), ('a', 1), ('b', 2)")
            own.start()
            database.execute("INSERT INTO log VALUES ('c', 3), (NULL, NULL), ('d', 4)")
            database.execute("DELETE FROM log WHERE note = 'd'")
            database.execute("UPDATE log SET size = 7 WHERE note = 'b'")
        yield own


def behind_event(own: OwnConnector, number: int) -> int:
    """The next offset behind an event: between the events stand tombstones and markers of transactions."""
    declared = {"name": "log", "brokers": brokers(), "topic": own.topic, "contract": CONTRACT}
    stage = open_stage(DebeziumTopic.model_validate(declared))
    offsets: list[int] = []

    def came() -> bool:
        records = stage.at(stage.reached().position).rows([OFFSET, OP]).to_pylist()
        offsets[:] = sorted(r[OFFSET] for r in records if r[OP] in CHANGE_OPERATIONS)
        return len(offsets) >= number

    assert Deadline(30).wait_until(came), offsets
    stage.close()
    return offsets[number - 1] + 1


def judged(own: OwnConnector, path: Path, events: int, rows: int) -> dict[str, tuple[Verdict, str, list[Any]]]:
    """Check the counts of source, topic and a copy with so many rows, which says up to where it holds the events."""
    table = {
        "name": "lake",
        "kind": "delta_table",
        "from": "topic",
        "path": str(path),
        "covers": {"commit_metadata": "covers"},
        "contract": CONTRACT,
    }
    said = CommitProperties(custom_metadata={"covers": json.dumps({own.topic: {"0": behind_event(own, events)}})})
    held = pa.table({"note": ["x"] * rows, "size": pa.array([1] * rows, pa.int32())}, schema=SCHEMA)
    write_deltalake(path, held, mode="overwrite", commit_properties=said)
    pipeline = build_pipeline({"name": "log", "stages": [*own.stages(**CONTRACT), table]})
    result = run_checks(pipeline, checks=["counts"], options=Options(deadline=10 if events >= EVENTS else 2))
    return {
        c.stage: (
            c.verdict,
            c.judgement.message,
            [(f.kind, f.stage, f.expected, f.seen) for f in c.judgement.findings],
        )
        for c in result.checks
    }


def test_rows_lost_and_added_behind_the_topic_are_found_by_their_number(captured: OwnConnector, tmp_path: Path) -> None:
    for rows, expected in (
        (5, []),
        (4, [("missing", "lake", 5, 4)]),
        (7, [("unexpected", "lake", 5, 7)]),
    ):
        told = judged(captured, tmp_path / "lake", EVENTS, rows)
        assert told["source"][0] is Verdict.PASS, told
        assert told["topic"][0] is Verdict.PASS, told
        assert "5 rows, 5 expected by source" in told["topic"][1]
        assert told["lake"][2] == expected, told
        assert told["lake"][0] is (Verdict.FAIL if expected else Verdict.PASS), told


def test_a_copy_that_is_behind_is_held_to_what_it_says_it_has(captured: OwnConnector, tmp_path: Path) -> None:
    # Three rows of the snapshot and three inserted, of which the delete has not come yet.
    assert judged(captured, tmp_path / "lake", 6, 6)["lake"][0] is Verdict.UNSETTLED
    verdict, _, findings = judged(captured, tmp_path / "lake", 6, 5)["lake"]
    assert (verdict, findings) == (Verdict.FAIL, [("missing", "lake", 6, 5)])


def test_an_event_that_never_came_from_the_source_is_blamed_on_the_topic(
    captured: OwnConnector, tmp_path: Path
) -> None:
    with psycopg.connect(captured.url) as database:
        row = database.execute("SELECT pg_current_xact_id()::text, pg_current_wal_lsn() - '0/0'").fetchone()
    assert row is not None
    source = {
        "txId": int(row[0]),
        "lsn": int(row[1]),
        "ts_us": 0,
        "schema": "public",
        "table": "log",
        "snapshot": "false",
    }
    event = {"op": "c", "before": None, "after": {"note": "forged", "size": 1}, "source": source, "ts_us": 1}
    produce(captured.topic, [(0, None, json.dumps(event).encode())])
    told = judged(captured, tmp_path / "lake", EVENTS + 1, 6)
    assert told["topic"][2] == [("unexpected", "topic", 5, 6)], told
    assert told["lake"][2] == [("unexpected", "topic", 5, 6)], told
