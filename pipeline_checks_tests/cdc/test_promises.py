"""What the CDC pipeline promises of its streams, proved on the running stack: clean, and damaged in one place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from confluent_kafka import TopicPartition

from pipeline_checks.clients import kafka
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import CheckResult
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.verification.session import VerificationSession
from pipeline_checks_tests.cdc.conftest import MainJob
from pipeline_checks_tests.stack.topics import Record, brokers, produce, topic

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("main_job")]

TOLD = "debezium.transaction"


def evaluated(pipeline: Pipeline, stage: str, *kinds: str) -> dict[str, CheckResult]:
    with VerificationSession(pipeline) as session:
        return {r.check: r for r in session.evaluate(stage, kinds)}


def committed(name: str) -> Iterator[Any]:
    """Yield the records of a topic of one partition."""
    consumer = kafka.consumer(brokers(), isolation_level="read_committed", enable_partition_eof=True)
    try:
        consumer.assign([TopicPartition(name, 0, 0)])
        while (message := consumer.poll(10)) is not None and not message.error():
            yield message
    finally:
        consumer.close()


def test_accounts_orders_and_transactions_are_clean(main_job: MainJob) -> None:
    wanted = {"accounting", "ordering", "transactions"}
    found = [c for c in main_job.document["checks"] if c["check"] in wanted]
    assert len(found) == 13  # of six topics, and of the connector
    assert {c["verdict"] for c in found} == {"PASS"}, [c["message"] for c in found]


def test_a_transaction_over_two_tables_with_a_changed_key_is_whole_and_one_with_a_lost_event_is_told(
    pipeline: Pipeline,
) -> None:
    with psycopg.connect(setting("CDC_POSTGRES_URL")) as source, source.transaction():
        source.execute(
            "INSERT INTO schema_evolution_test (id, version, name) VALUES (880001, 1, 'a'), (880002, 1, 'b')"
        )
        source.execute("UPDATE schema_evolution_test SET id = 880003 WHERE id = 880001")
        source.execute("DELETE FROM schema_evolution_test WHERE id = 880002")
        source.execute("UPDATE customers SET city = city WHERE customer_id = 1")
        (xid,) = source.execute("SELECT pg_current_xact_id()::text::bigint % (2^32)::bigint").fetchone() or (None,)
    clean = evaluated(pipeline, "connector", "transactions")["transactions"]
    assert clean.verdict is Verdict.PASS, clean.judgement.message
    with topic(1) as forged:
        # As if the connector had told of one event more than there is in the topic of one table.
        records: list[Record] = []
        for message in committed(TOLD):
            value = json.loads(message.value())
            payload = value.get("payload", value)
            if payload["status"] == "END" and payload["id"].startswith(f"{xid}:"):
                counts = {t["data_collection"]: t["event_count"] for t in payload["data_collections"]}
                assert counts == {"public.schema_evolution_test": 5, "public.customers": 1}
                payload["data_collections"][0]["event_count"] += 1
                torn = payload["data_collections"][0]
            records.append((0, message.key(), json.dumps(value).encode()))
        produce(forged, records)
        stages = [
            s.model_copy(update={"transactions": s.transactions.model_copy(update={"topic": forged})})  # type: ignore[attr-defined]
            if s.name == "connector"
            else s
            for s in pipeline.stages
        ]
        changed = pipeline.model_copy(update={"stages": tuple(stages)})
        result = evaluated(changed, "connector", "transactions")["transactions"]
    assert result.verdict is Verdict.FAIL
    (finding,) = result.judgement.findings
    assert (finding.kind, finding.extra["tx_id"]) == ("torn_transaction", xid)
    assert finding.extra["table"] == torn["data_collection"]
    assert (finding.expected, finding.seen) == (torn["event_count"], torn["event_count"] - 1)


def test_a_reference_to_nothing_is_told_in_every_lake_and_not_when_it_is_gone(pipeline: Pipeline) -> None:
    stages = ("pg_orders", "delta_orders", "iceberg_orders", "api_orders")
    with psycopg.connect(setting("CDC_POSTGRES_URL")) as source:
        # Past the constraint, as a restore or a replica's apply may do it.
        source.execute("SET session_replication_role = replica")
        source.execute("INSERT INTO orders (order_id, customer_id, total_amount) VALUES (880004, 880005, 1)")
        source.commit()
        try:
            with VerificationSession(pipeline) as session:
                for stage in stages:
                    (result,) = session.evaluate(stage, ["references"])
                    assert result.verdict is Verdict.FAIL, (stage, result.judgement.message)
                    (finding,) = result.judgement.findings
                    told = (finding.kind, finding.stage, finding.detail, finding.key, finding.seen)
                    assert told == ("dangling_reference", "pg_orders", "customer_id", {"order_id": 880004}, 880005)
                    assert finding.extra == ({} if stage == "pg_orders" else {"seen_at": stage})
                    assert finding.expected == {"in": f"{stage.rpartition('_')[0]}_customers.customer_id"}
        finally:
            source.execute("DELETE FROM orders WHERE order_id = 880004")
            source.commit()
    with VerificationSession(pipeline) as session:
        found = [session.evaluate(stage, ["references"])[0] for stage in stages]
    assert [r.verdict for r in found] == [Verdict.PASS] * 4, [r.judgement.message for r in found]


@pytest.mark.leaves_damage
def test_a_row_that_breaks_an_expression_is_told_at_every_stage(pipeline: Pipeline) -> None:
    stages = ("pg_inventory", "topic_inventory", "delta_inventory", "iceberg_inventory")
    insert = (
        "INSERT INTO inventory (transaction_id, product_id, transaction_type, quantity, previous_quantity,"
        " new_quantity) SELECT 880006, min(product_id), 'IN', 5, 50, 54 FROM products"
    )
    with psycopg.connect(setting("CDC_POSTGRES_URL"), autocommit=True) as source:
        source.execute(insert)
        try:
            with VerificationSession(pipeline) as session:
                for stage in stages:
                    (result,) = session.evaluate(stage, ["expressions"])
                    assert result.verdict is Verdict.FAIL, (stage, result.judgement.message)
                    (finding,) = result.judgement.findings
                    assert (finding.detail, finding.key) == ("stock_adds_up", {"transaction_id": 880006})
                    assert finding.seen["new_quantity"] == 54
        finally:
            source.execute("DELETE FROM inventory WHERE transaction_id = 880006")
    with VerificationSession(pipeline) as session:
        found = {stage: session.evaluate(stage, ["expressions"])[0].verdict for stage in stages}
    # The change is history in the topic, which keeps what it was given.
    assert found == {s: Verdict.FAIL if s == "topic_inventory" else Verdict.PASS for s in stages}
