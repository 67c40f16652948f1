"""A record that cannot be understood is set aside with its bytes, counted, and told by the checks; nothing is lost."""

from __future__ import annotations

import json

import polars as pl
import pytest

from pipeline_checks.clients.kafka import producer
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.verification.run import run_checks
from pipeline_checks_tests.cdc.settling import COVERS, Topics, delta_covers, settle, wait_covered
from pipeline_checks_tests.cdc.topics import MALFORMED
from pipeline_checks_tests.cdc.truth import LAKES, assert_current, log
from pipeline_checks_tests.stack.lake_truth import delta_frame

pytestmark = pytest.mark.leaves_damage

TABLE = "inventory"
TOPIC = f"debezium.public.{TABLE}"
VALUES = (
    b'{"schema": null, "payload": {"op": "c", "after": {"transaction_id": 1, "quan',
    b"\x00\x01\xfe not text at all \xff",
    b'{"payload": {"op": "c", "after": null, "source": {"lsn": 1}}}',
)


def test_malformed_records_are_quarantined_with_their_bytes_and_nothing_else_is_lost(topics: Topics) -> None:
    settle(topics, [TABLE])
    starts = topics[TABLE].ends()
    writer = producer(setting("KAFKA_BOOTSTRAP_SERVERS"))
    for number, value in enumerate(VALUES):
        writer.produce(TOPIC, value, key=json.dumps({"transaction_id": number}).encode())
    assert writer.flush(20) == 0
    topics[TABLE].read()
    produced = topics[TABLE].records(starts)
    assert {r.value for r in produced.values() if r.op == MALFORMED} == set(VALUES)
    deadline = Deadline(60)
    wait_covered(lambda: delta_covers("quarantine"), TABLE, topics[TABLE].ends(), deadline, "the quarantine")
    for name in (TABLE, f"{TABLE}_changes"):
        for lake, covers in COVERS.items():
            ends = topics[TABLE].ends()
            wait_covered(lambda name=name, covers=covers: covers(name), TABLE, ends, deadline, f"{lake} {name}")  # type: ignore[misc]

    aside = delta_frame("quarantine").filter(pl.col("_topic") == TOPIC).to_dicts()
    found = {(r["_partition"], r["_offset"]): r["_value"] for r in aside}
    assert len(found) == len(aside), "records more than once"
    assert {place: value for place, value in found.items() if place in produced} == {
        place: r.value for place, r in produced.items()
    }
    assert len(produced) == len(VALUES)
    assert all(r["_reason"] and json.loads(r["_key"]) for r in aside)
    records = topics[TABLE].records()
    valued = {place for place, r in records.items() if r.value is not None}
    for lake in LAKES:
        logged = set(log(lake, TABLE))
        assert logged | set(found) == valued
        assert not logged & set(found)
        assert_current(lake, TABLE)


def test_the_topics_count_names_each_malformed_record_and_the_other_stages_pass(
    topics: Topics, pipeline: Pipeline
) -> None:
    topics[TABLE].read()
    places = {place for place, r in topics[TABLE].records().items() if r.op == MALFORMED}
    assert places
    lakes = [f"{lake}_{TABLE}{kind}" for lake in LAKES for kind in ("", "_changes")]
    result = run_checks(pipeline, [f"topic_{TABLE}", *lakes, "delta_quarantine"], ("counts", "duplicates"))
    by_check = {(c.stage, c.check): c for c in result.checks}
    counted = by_check[f"topic_{TABLE}", "counts"]
    assert counted.verdict is Verdict.FAIL
    told = {(f.key["partition"], f.key["offset"]) for f in counted.judgement.findings if f.key is not None}
    assert told == places
    assert {(f.kind, f.detail) for f in counted.judgement.findings} == {("unexpected", "malformed")}
    assert counted.judgement.measures["malformed"] == len(places)
    others = {f"{s}.{k} {c.verdict}: {c.judgement.message}" for (s, k), c in by_check.items() if c is not counted}
    assert {text for text in others if " PASS: " not in text} == set()
    assert by_check["delta_quarantine", "counts"].judgement.looked_at["rows"] == len(places)
