"""What topics prove of themselves on real brokers: every offset explained, the order of the log, second copies."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from pipeline_checks.clients import kafka
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.stages.debezium import DebeziumTopic
from pipeline_checks.verification.session import VerificationSession
from pipeline_checks_tests.stack.topics import Record, brokers, produce, topic, transaction
from pipeline_checks_tests.unit.stages.debezium_bytes import CONTRACT, envelope, key

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("base_stack")]

COMPACTION_SECONDS = 90.0
SMALL_SEGMENTS = {
    "cleanup.policy": "compact",
    "segment.ms": "50",
    "min.cleanable.dirty.ratio": "0.0",
    "max.compaction.lag.ms": "100",
}


def row(id_: int) -> dict[str, Any]:
    return {"id": id_, "name": f"n{id_}", "amount": "1.10", "created_at": None, "seen_at": None, "day": None}


def event(op: str, id_: int, *, tx: int = 700, lsn: int = 1000, partition: int = 0, **more: Any) -> Record:
    return partition, key(id=id_), envelope(op, after=row(id_), tx=tx, lsn=lsn, **more)


def judged(name: str, kind: str, **promises: Any) -> Any:
    contract = {"key": list(CONTRACT.key), "columns": dict(CONTRACT.columns), **promises}
    fields = {"name": "topic", "brokers": brokers(), "topic": name, "contract": contract}
    declared = DebeziumTopic.model_validate(fields)
    with VerificationSession(Pipeline(name="p", stages=(declared,))) as session:
        (result,) = session.evaluate("topic", [kind])
    return result.judgement


def test_markers_and_aborted_records_are_accounted_for() -> None:
    with topic(1) as name:
        with transaction(name, [event("c", i, lsn=1000 + i) for i in range(3)]) as committed:
            committed.commit_transaction(30)
        with transaction(name, [event("c", i, lsn=2000 + i) for i in range(4)]) as aborted:
            aborted.abort_transaction(30)
        with transaction(name, [event("u", 1, lsn=3000, tx=701), (0, key(id=1), None)]) as committed:
            committed.commit_transaction(30)
        judgement = judged(name, "accounting")
        assert judgement.verdict is Verdict.PASS, judgement.message
        told = {k: judgement.measures[k] for k in ("offsets", "records", "tombstones", "aborted", "markers", "grade")}
        assert told == {
            "offsets": 12, "records": 4, "tombstones": 1, "aborted": 4, "markers": 3, "grade": "bound",
        }  # fmt: skip


def test_a_topic_written_outside_of_transactions_is_accounted_for_exactly_and_what_expired_is_told() -> None:
    with topic(2) as name:
        produce(name, [event("c", i, lsn=1000 + i, partition=i % 2) for i in range(10)])
        admin = kafka.admin(brokers())
        admin.delete_records([TopicPartition(name, 0, 2)])[TopicPartition(name, 0, 2)].result(30)
        judgement = judged(name, "accounting")
        assert judgement.verdict is Verdict.PASS
        assert (judgement.measures["grade"], judgement.measures["expired"]) == ("exact", 2)
        assert judgement.looked_at == {"offsets": 8}


def test_records_that_went_from_the_middle_of_the_log_are_a_gap_with_its_range() -> None:
    with topic(1, SMALL_SEGMENTS) as name:
        produce(name, [event("u", 1, lsn=1000 + i, tx=700 + i) for i in range(20)])
        produce(name, [event("u", 2, lsn=2000, tx=900)])
        admin = kafka.admin(brokers())

        def compacted() -> bool:
            # A segment is rolled, and only then compacted, when a record is appended behind it.
            produce(name, [event("u", 3, lsn=3000, tx=901)])
            return bool(judged(name, "accounting").measures["compacted"])

        assert Deadline(COMPACTION_SECONDS).wait_until(compacted, every=1.0)
        assert judged(name, "accounting").verdict is Verdict.PASS
        entry = ConfigEntry("cleanup.policy", "delete", incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[entry])
        admin.incremental_alter_configs([resource])[resource].result(30)
        judgement = judged(name, "accounting")
        assert judgement.verdict is Verdict.FAIL
        finding = judgement.findings[0]
        assert (finding.kind, finding.extra["partition"], finding.extra["first"]) == ("gap", 0, 0)
        assert finding.extra["last"] >= 18  # of the twenty changes of one key at most the last is left


def test_two_updates_of_one_key_the_wrong_way_round_are_told_and_a_replay_is_not() -> None:
    with topic(1) as name:
        produce(
            name,
            [
                event("c", 1, lsn=1000, tx=700),
                event("u", 1, lsn=1300, tx=703),
                event("u", 1, lsn=1200, tx=702),
                event("c", 1, lsn=1000, tx=700),
                event("c", 2, lsn=1400, tx=704),
            ],
        )
        judgement = judged(name, "ordering")
        assert judgement.verdict is Verdict.FAIL
        (finding,) = judgement.findings
        assert (finding.kind, finding.detail, finding.key) == ("out_of_order", "key", {"id": 1})
        assert finding.position is not None
        assert finding.position.value() == {name: {"0": 2}}
        assert finding.extra["before"]["value"] == {name: {"0": 1}}


def test_second_copies_are_told_with_their_class_and_place() -> None:
    with topic(1) as name:
        read = (0, key(id=3), envelope("r", after=row(3), tx=690, lsn=900, snapshot="true"))
        replayed = event("c", 1, lsn=1000, tx=700)
        produce(name, [read, replayed, event("c", 3, lsn=880, tx=680), replayed, event("u", 3, lsn=1100, tx=701)])
        judgement = judged(name, "duplicates")
        assert judgement.verdict is Verdict.FAIL
        told = [(f.key, f.detail, f.position.value()) for f in judgement.findings if f.position is not None]
        assert told == [
            ({"id": 1}, "replayed", {name: {"0": 3}}),
            ({"id": 3}, "snapshot_overlap", {name: {"0": 2}}),
        ]
