"""Topics as stages: read up to given end offsets, whatever lies there; never for ever, and never past them."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import TopicPartition

from pipeline_checks.clients import kafka
from pipeline_checks.model import events
from pipeline_checks.model.clock import Deadline, monotonic
from pipeline_checks.model.errors import PipelineChecksError, TerminalError, TransientError
from pipeline_checks.model.measure import DuplicateKeys, DuplicateSample, Facts, Grade, RowCount, StageSchema
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.stages import topic_log
from pipeline_checks.stages.debezium import DebeziumTopic
from pipeline_checks.stages.kafka import KafkaTopic
from pipeline_checks.stages.registry import open_stage
from pipeline_checks.stages.topic import TopicReader
from pipeline_checks_tests.stack.topics import Record, brokers, create, delete, produce, topic, transaction
from pipeline_checks_tests.unit.stages.debezium_bytes import CONTRACT, envelope, key

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("base_stack")]

KEY = DuplicateKeys(("id",))


def row(id_: int) -> dict[str, Any]:
    return {"id": id_, "name": f"n{id_}", "amount": "1.10", "created_at": None, "seen_at": None, "day": None}


def created(partition: int, id_: int, **more: Any) -> Record:
    return partition, key(id=id_), envelope("c", after=row(id_), lsn=1000 + id_, **more)


def reader(name: str, **fields: Any) -> TopicReader:
    stage = open_stage(DebeziumTopic(name="topic", brokers=brokers(), topic=name, contract=CONTRACT, **fields))
    assert isinstance(stage, TopicReader)
    return stage


def ids(stage: TopicReader) -> list[Any]:
    found: list[Any] = stage.at(stage.reached().position).rows(["id"]).column(0).to_pylist()
    return sorted(found)


def test_a_topic_that_ends_in_transaction_markers_is_read_to_its_end_at_once() -> None:
    with topic() as name:
        with transaction(name, [created(0, 1), created(1, 2)]) as committed:
            committed.commit_transaction(30)
        with transaction(name, [created(0, 3), created(1, 4)]) as aborted:
            aborted.abort_transaction(30)
        with transaction(name, [created(0, 5)]) as committed:
            committed.commit_transaction(30)
        stage = reader(name)
        # The broker writes the markers after it has answered the commit.
        whole = OffsetsPosition.of({name: {0: 6, 1: 4}})
        assert Deadline(30).wait_until(lambda: stage.reached().position == whole), stage.reached()
        reached = stage.reached()
        assert reached.detail["low_watermarks"] == {0: 0, 1: 0}
        started = monotonic()
        rows = stage.at(reached.position).rows([events.PARTITION, events.OFFSET, "id"]).to_pylist()
        assert monotonic() - started < topic_log.STALL_SECONDS / 2
        assert [tuple(r.values()) for r in rows] == [(0, 0, 1), (0, 4, 5), (1, 0, 2)]
        stage.close()


def test_records_behind_the_position_are_not_read_and_those_up_to_a_later_one_are_read_on() -> None:
    with topic(1) as name:
        produce(name, [created(0, i) for i in range(5)])
        stage = reader(name)
        first = stage.reached().position
        assert isinstance(first, OffsetsPosition)
        pinned = stage.at(first)
        produce(name, [created(0, i) for i in range(5, 8)])
        assert pinned.rows().num_rows == 5
        second = stage.reached().position
        assert isinstance(second, OffsetsPosition)
        assert stage.events(first, second).column("id").to_pylist() == [5, 6, 7]
        assert stage.events(None, second).column("id").to_pylist() == list(range(8))
        assert stage.events(OffsetsPosition.of({name: {0: 2}}), first).column("id").to_pylist() == [2, 3, 4]
        assert pinned.rows().num_rows == 5
        assert stage.at(second).answer(frozenset({RowCount()}))[RowCount()].value == 8
        stage.close()


def test_an_open_transaction_keeps_its_records_back_until_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_log, "STALL_SECONDS", 1.0)
    with topic(1) as name:
        produce(name, [created(0, 1)])
        with transaction(name, [created(0, 2)]) as open_one:
            stage = reader(name)
            position = stage.reached().position
            assert position == OffsetsPosition.of({name: {0: 2}})
            with pytest.raises(TransientError, match=f"topic {name} partition 0 .* offset 2"):
                stage.at(position).rows()
            open_one.commit_transaction(30)
        assert ids(stage) == [1, 2]
        stage.close()


def test_an_empty_topic_has_no_events_and_no_known_schema() -> None:
    with topic(3) as name:
        stage = reader(name)
        pinned = stage.at(stage.reached().position)
        assert pinned.position == OffsetsPosition.of({name: {0: 0, 1: 0, 2: 0}})
        assert pinned.rows().num_rows == 0
        schema = pinned.answer(frozenset({StageSchema()}))[StageSchema()]
        assert (schema.value.fields, schema.grade) == ((), Grade.UNKNOWN)
        stage.close()


def test_replayed_events_are_counted_and_malformed_records_placed() -> None:
    with topic(1) as name:
        replayed = created(0, 1)
        records = [replayed, created(0, 2), replayed, (0, key(id=9), b"no json"), (0, key(id=2), None)]
        produce(name, records)
        stage = reader(name)
        pinned = stage.at(stage.reached().position)
        found = pinned.answer(frozenset({RowCount(), KEY, StageSchema(), Facts("malformed"), Facts("topic")}))
        assert found[RowCount()].value == 3
        assert found[KEY].value == DuplicateSample(
            1, 1, (({"id": 1}, 2),), ("replayed",), (OffsetsPosition.of({name: {0: 2}}),)
        )
        assert found[Facts("malformed")].value[0]["offset"] == 3
        assert found[Facts("malformed")].value[0]["bytes"] == 7
        assert [str(f.type) for f in found[StageSchema()].value.fields][:3] == ["int64", "string", "decimal(10,2)"]
        facts = found[Facts("topic")].value
        assert (facts["partitions"], facts["low_watermarks"], facts["high_watermarks"]) == (1, {0: 0}, {0: 5})
        assert facts["cleanup.policy"] == "delete"
        stage.close()


def test_events_that_retention_removed_are_told_by_the_low_watermark() -> None:
    with topic(1) as name:
        produce(name, [created(0, i) for i in range(6)])
        admin = kafka.admin(brokers())
        admin.delete_records([TopicPartition(name, 0, 4)])[TopicPartition(name, 0, 4)].result(30)
        stage = reader(name)
        reached = stage.reached()
        assert reached.detail["low_watermarks"] == {0: 4}
        assert ids(stage) == [4, 5]
        stage.close()


def test_a_topic_that_is_deleted_is_named_and_one_made_anew_is_read_anew() -> None:
    with topic(1) as name:
        produce(name, [created(0, i) for i in range(3)])
        stage = reader(name)
        assert ids(stage) == [0, 1, 2]
        delete(name)
        gone: list[PipelineChecksError] = []

        def fails() -> bool:
            try:
                stage.reached()
            except PipelineChecksError as problem:
                gone[:] = [problem]
                return isinstance(problem, TerminalError)
            return False

        assert Deadline(20).wait_until(fails), gone
        assert name in str(gone[0])
        create(name, 1)
        produce(name, [created(0, 7)])

        def anew() -> bool:
            try:
                return ids(stage) == [7]
            except PipelineChecksError:
                return False

        assert Deadline(20).wait_until(anew)
        stage.close()


def test_a_topic_that_never_was_is_named_and_not_created() -> None:
    with pytest.raises(TerminalError, match="stages-nowhere"):
        reader("stages-nowhere").reached()
    assert "stages-nowhere" not in kafka.admin(brokers()).list_topics(timeout=10).topics


def test_brokers_that_are_away_are_a_transient_error() -> None:
    stage = open_stage(DebeziumTopic(name="topic", brokers="127.0.0.1:1", topic="t", contract=CONTRACT))
    with pytest.raises(TransientError):
        stage.reached()
    stage.close()


def test_plain_records_are_rows_that_were_added() -> None:
    with topic(1) as name:
        produce(name, [(0, None, b'{"id": 1, "name": "a"}'), (0, b"\x00", b'{"id": 2}'), (0, None, b'{"name": "x"}')])
        contract = {"key": ["id"], "columns": {"id": "int64", "name": "string"}}
        stage = open_stage(KafkaTopic(name="topic", brokers=brokers(), topic=name, contract=contract))  # type: ignore[arg-type]
        pinned = stage.at(stage.reached().position)
        rows = pinned.rows([events.OP, "id", "name"])
        assert [tuple(r.values()) for r in rows.to_pylist()] == [
            ("c", 1, "a"),
            ("c", 2, None),
            ("malformed", None, None),
        ]
        assert KEY not in pinned.answer(frozenset({KEY}))
        stage.close()
