"""The six tests of the message flow: broker, topics, producer, end to end, dead letters, resilience."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

from pipeline_checks.pipelines.churn.flow.topics import Deviation, compare, declared
from pipeline_checks.pipelines.churn.flow.validation import prediction_validator
from pipeline_checks_tests.churn.customers import csv_with, fifty, message
from pipeline_checks_tests.churn.programs import Programs
from pipeline_checks_tests.churn.topics import Topics

pytestmark = [pytest.mark.integration, pytest.mark.kafka]


def test_kafka_broker_connectivity(broker: str) -> None:
    admin, topic = AdminClient({"bootstrap.servers": broker}), f"telco.round.trip.{uuid4().hex[:8]}"
    cluster = admin.describe_cluster(request_timeout=10).result()
    assert cluster.cluster_id and cluster.controller is not None and len(cluster.nodes) == 1
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(timeout=10)
    producer = Producer({"bootstrap.servers": broker})
    producer.produce(topic, b"there and back")
    assert producer.flush(10) == 0
    consumer = Consumer({"bootstrap.servers": broker, "group.id": topic})
    consumer.assign([TopicPartition(topic, 0, 0)])
    received = consumer.poll(10)
    consumer.close()
    admin.delete_topics([topic])[topic].result(timeout=10)
    assert received is not None and received.error() is None and received.value() == b"there and back"


def test_topic_creation(broker: str, topics: Topics) -> None:
    admin, wanted = AdminClient({"bootstrap.servers": broker}), declared(topics.suffix, "test")
    partitions = {t.name: len(admin.list_topics(t.name, timeout=10).topics[t.name].partitions) for t in wanted}
    assert partitions == {topics.raw: 3, topics.predictions: 3, topics.dead_letters: 1}
    assert compare(broker, wanted) == []
    change = ConfigResource(
        ResourceType.TOPIC,
        topics.predictions,
        incremental_configs=[ConfigEntry("retention.ms", "1000", incremental_operation=AlterConfigOpType.SET)],
    )
    admin.incremental_alter_configs([change])[change].result(timeout=10)
    assert compare(broker, wanted) == [Deviation(topics.predictions, "retention.ms", "3600000", "1000")]
    absent = declared(f"{topics.suffix}.absent", "test")
    assert [d.what for d in compare(broker, absent)] == ["exists"] * 3


def test_producer_publish_batch(programs: Programs, topics: Topics, tmp_path: Path) -> None:
    source = csv_with(tmp_path, fifty())
    ended = programs.produce_all(topics, source)
    assert ended.code == 0, ended.errors
    assert ended.summary["sent"] == 50
    assert sum(topics.ends(topics.raw).values()) == 50
    first = topics.read(topics.raw)
    rows = {int(r.headers["source_row"]): r for r in first}
    assert sorted(rows) == list(range(50))
    for number, customer in enumerate(fifty()):
        body = rows[number].body
        del body["event_ts"]
        assert body == {**customer, "Churn": "No"}
        assert rows[number].key == customer["customerID"].encode()
    assert programs.produce_all(topics, source).code == 0  # the file again: a new sending
    again = topics.read(topics.raw)
    assert len(again) == 100
    places: dict[bytes | None, set[int]] = {}
    for record in again:
        places.setdefault(record.key, set()).add(record.partition)
    assert all(len(partitions) == 1 for partitions in places.values())


def test_end_to_end_message_flow(
    programs: Programs, topics: Topics, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    assert programs.produce_all(topics, csv_with(tmp_path, fifty())).code == 0
    ended = programs.consume_all(topics)
    assert ended.code == 0, ended.errors
    assert topics.assert_conserved(50) == Counter(predictions=50)
    inputs = {r.place: r for r in topics.read(topics.raw)}
    judge = prediction_validator()
    outputs = topics.read(topics.predictions)
    record_property("messages_sent", len(inputs))
    record_property("predictions_received", len(outputs))
    assert Counter(r.body["customerID"] for r in outputs) == Counter(c["customerID"] for c in fifty())
    for record in outputs:
        body, given = record.body, inputs[record.source]
        assert judge.validate(body) == (True, [])
        assert body["event_ts"] == given.body["event_ts"]
        processed = datetime.fromisoformat(body["processed_ts"]).timestamp() * 1000
        assert processed >= given.timestamp
    assert ended.summary["total_predictions"] == ended.summary["pipeline_metrics"]["messages_processed"] == 50
    assert ended.summary["churn_predictions"] == Counter(r.body["prediction"] for r in outputs)


def test_deadletter_handling(programs: Programs, topics: Topics) -> None:
    good = [message(c) for c in fifty()[:10]]
    bad = [
        {"customerID": "INVALID_001", "gender": "Unknown"},
        {"customerID": "INVALID_002", "tenure": -5, "MonthlyCharges": "not a number"},
    ]
    topics.send((m["customerID"], m) for m in [*good[:5], *bad, *good[5:]])
    ended = programs.consume_all(topics)
    assert ended.code == 0, ended.errors
    assert topics.assert_conserved(12) == Counter(predictions=10, dead_letters=2)
    letters = {r.key: r.body for r in topics.read(topics.dead_letters)}
    for sent in bad:
        body = letters[str(sent["customerID"]).encode()]
        assert body["original_message"] == json.loads(json.dumps(sent))
        assert body["error_type"] == "validation_error"
        assert len(body["validation_errors"]) == 21
        assert body["source_topic"] == topics.raw and body["consumer_group"] == topics.group


def test_consumer_resilience(
    programs: Programs, topics: Topics, record_property: Callable[[str, object], None]
) -> None:
    topics.send((c["customerID"], message(c)) for c in fifty()[:25])
    first = programs.consume_batch(topics, "--max-messages", "10")
    assert first.code == 0, first.errors
    before = Counter(r.body["customerID"] for r in topics.read(topics.predictions))
    assert before.total() == 10 and sum(topics.committed().values()) == 10
    second = programs.consume_all(topics)
    assert second.code == 0, second.errors
    after = Counter(r.body["customerID"] for r in topics.read(topics.predictions)) - before
    assert after.total() == 15
    record_property("customer_id_overlap", (before & after).total())
    assert not before & after
    assert set(before) | set(after) == {c["customerID"] for c in fifty()[:25]}
    third = programs.consume_batch(topics)
    assert (third.code, third.summary["total_predictions"]) == (0, 0)
    assert topics.assert_conserved(25) == Counter(predictions=25)
