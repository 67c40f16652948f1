"""The lines of a file in their topic: each once with its values; what a careless producer doubles or loses is named."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline_checks.clients import kafka
from pipeline_checks.clients.kafka_records import header, records_since
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import CheckResult
from pipeline_checks.pipelines.sales.flow.producer import main as produce
from pipeline_checks.pipelines.sales.seed.scenarios import DATA_SETS
from pipeline_checks.pipelines.sales.seed.source import write_data_set
from pipeline_checks.stack.embedded import EmbeddedProvider
from pipeline_checks.stack.services.kafka import kafka as kafka_service
from pipeline_checks.verification.discovery import load_pipeline
from pipeline_checks.verification.run import Options, run_checks
from pipeline_checks_tests.conftest import RunningStack

ROWS = 60


@pytest.fixture(scope="module")
def brokers(stack_home: Path) -> str:
    """Kafka of the session's stack."""
    running = RunningStack(stack_home, EmbeddedProvider(stack_home))
    running.up([kafka_service()])
    return running.settings["KAFKA_BOOTSTRAP_SERVERS"]


@pytest.fixture
def topic(brokers: str) -> Iterator[str]:
    """A topic that nobody else has."""
    from confluent_kafka.cimpl import NewTopic

    name, admin = f"lines-{uuid.uuid4().hex[:8]}", kafka.admin(brokers)
    admin.create_topics([NewTopic(name, num_partitions=3, replication_factor=1)])[name].result(30)
    yield name
    admin.delete_topics([name])[name].result(30)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "input" / "sales.csv"
    write_data_set(path, DATA_SETS["happy_path"], ROWS, 11)
    return path


def pipeline(file: Path, topic: str) -> Pipeline:
    """The first two stages of the pipeline, of this folder and topic."""
    whole = load_pipeline("sales")
    files = whole.stage("csv_files").model_copy(update={"path": str(file.parent)})
    lines = whole.stage("topic_sales_lines").model_copy(update={"topic": topic, "lag_limit": 0.5})
    return Pipeline(name="sales", stages=(files, lines))


def sent(file: Path, topic: str, brokers: str) -> None:
    assert produce(["--lines", str(file), "--topic", topic, "--brokers", brokers]) == 0


def judged(pipeline: Pipeline) -> dict[str, CheckResult]:
    return {c.check: c for c in run_checks(pipeline, ["topic_sales_lines"], options=Options(deadline=10)).checks}


def wrong(checks: dict[str, CheckResult]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for name, c in checks.items():
        found[name] = [(f.kind, f.key) for f in c.judgement.findings]
    return {name: findings for name, findings in found.items() if findings}


def test_every_line_is_there_once_with_its_values(file: Path, topic: str, brokers: str) -> None:
    sent(file, topic, brokers)
    checks = judged(pipeline(file, topic))
    assert wrong(checks) == {}
    assert checks["counts"].judgement.looked_at == {"rows": ROWS}
    assert str(checks["totals"].verdict) == "PASS"
    records = list(records_since(brokers, {topic: {}}))
    assert len(records) == ROWS
    assert {dict(r.headers() or ())["source_file"] for r in records} == {b"sales.csv"}
    assert len({dict(r.headers() or ())["run_id"] for r in records}) == 1


def test_records_that_a_careless_producer_sends_again_are_named(file: Path, topic: str, brokers: str) -> None:
    sent(file, topic, brokers)
    records = list(records_since(brokers, {topic: {}}))
    again = [records[3], records[40], records[41]]
    writer = kafka.producer(brokers, enable_idempotence=False)
    for record in again:
        headers: Any = record.headers()
        partition: Any = record.partition()
        writer.produce(topic, value=record.value(), key=record.key(), partition=partition, headers=headers)
    assert writer.flush(30) == 0
    doubled = sorted(int(header(r, "source_row_number")) for r in again)
    found = wrong(judged(pipeline(file, topic)))
    keys = [("duplicate", {"source_file": "sales.csv", "source_row_number": n}) for n in doubled]
    assert found["duplicates"] == keys
    assert found["counts"] == keys


def test_a_line_that_was_not_sent_is_missing(file: Path, topic: str, brokers: str) -> None:
    sent(file, topic, brokers)
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines, lines[1].replace("ORDER_", "OTHER_")]) + "\n")
    key = {"source_file": "sales.csv", "source_row_number": ROWS + 1}
    found = wrong(judged(pipeline(file, topic)))
    assert found["counts"] == [("missing", key)]
    assert ("missing", key) in found["totals"]
