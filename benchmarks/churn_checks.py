"""All checks of the churn pipeline after many messages, against one consumption of its topics.

One consumption reads every record of the three topics with the client that the checks use: its place, time, key,
headers, and its value parsed as JSON.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import polars as pl
from confluent_kafka import Producer, TopicPartition

from benchmarks.figures import Figure, paired
from benchmarks.own_stack import own_stack
from pipeline_checks.clients import kafka
from pipeline_checks.clients.fitted_model import load_model
from pipeline_checks.clients.settings import setting
from pipeline_checks.engines.model_scoring import ModelScorer
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import RunResult
from pipeline_checks.pipelines.churn.flow import names
from pipeline_checks.pipelines.churn.flow.topics import create, declared
from pipeline_checks.pipelines.churn.prepare import prepare_model
from pipeline_checks.pipelines.churn.seed import dataset
from pipeline_checks.pipelines.churn.seed.customers import customers
from pipeline_checks.stack.services.kafka import kafka as kafka_service
from pipeline_checks.stages.topic_log import TopicLog
from pipeline_checks.verification.discovery import load_pipeline
from pipeline_checks.verification.run import run_checks

LIMIT = 1.5
DIFFERENT = 20_000
"""Customers that differ in what the model sees; beyond them they come again under other numbers."""
TOPICS = (names.RAW_TOPIC, names.PREDICTION_TOPIC, names.DEAD_LETTER_TOPIC)
_BATCH = 20_000
_NUMBERS = ("SeniorCitizen", "tenure", "MonthlyCharges")


def measure_churn_checks(rows: int = 1_000_000) -> list[Figure]:
    """Return the ratio of all checks of the pipeline, after ``rows`` messages, to one consumption of its topics."""
    size = f"{rows:,} messages"
    with own_stack() as provider:
        provider.up([kafka_service()], lambda progress: None)
        folder = provider.home.path / "churn"
        os.environ["CHURN_DATASET_PATH"] = str(folder / "customers.csv")
        os.environ["CHURN_MODEL_PATH"] = str(folder / "model.joblib")
        try:
            write_messages(rows)
            pipeline = without_members(load_pipeline("churn"))
            seconds, floor, ratio = paired(lambda: clean(run_checks(pipeline)), consume, runs=3)
            records = consume()
        finally:
            os.environ.pop("CHURN_DATASET_PATH")
            os.environ.pop("CHURN_MODEL_PATH")
    return [
        Figure(
            f"checks of the churn pipeline after {size}",
            ratio,
            "x one consumption",
            LIMIT,
            detail=f"all checks of six stages, model and second scorer included: {seconds:.2f} s; "
            f"{records:,} records read and parsed once: {floor:.2f} s",
        )
    ]


def consume() -> int:
    """Read every record of the topics once; return how many there are."""
    found = 0
    for topic in TOPICS:
        log = TopicLog(setting("KAFKA_BOOTSTRAP_SERVERS"), topic)
        low, high = log.watermarks()
        for batch in log.records(low, high):
            found += len(batch)
            for message in batch:
                taken = (message.partition(), message.offset(), message.timestamp(), message.key(), message.headers())
                assert taken and orjson.loads(message.value() or b"null") is not None
        log.close()
    return found


def clean(result: RunResult) -> None:
    """Raise RuntimeError unless all checks passed."""
    wrong = [f"{c.stage}.{c.check}: {c.judgement.message}" for c in result.checks if c.verdict not in ("PASS", "WARN")]
    if wrong:
        raise RuntimeError(f"the pipeline is not clean: {wrong[:3]}")


def without_members(pipeline: Pipeline) -> Pipeline:
    """Return the pipeline of which no consumer must run."""
    stages = [
        stage
        if stage.name != "consumer_group"
        else stage.model_copy(update={"contract": stage.contract.model_copy(update={"lag": {}})})
        for stage in pipeline.stages
    ]
    return pipeline.model_copy(update={"stages": tuple(stages)})


def write_messages(rows: int) -> None:
    """Write the file, the model, both topics as producer and consumer leave them, and what the group has committed."""
    bootstrap, path = setting("KAFKA_BOOTSTRAP_SERVERS"), Path(setting("CHURN_DATASET_PATH"))
    model_path = Path(setting("CHURN_MODEL_PATH"))
    create(bootstrap, declared())
    prepare_model(model_path)
    dataset.write(path, numbered(rows))
    model = load_model(model_path)
    scorer = ModelScorer(model.pipeline, model.sidecar.features)
    begin = datetime.now(UTC)
    producer = kafka.producer(bootstrap, compression_type="lz4", linger_ms=20, queue_buffering_max_messages=200_000)
    ends: dict[int, int] = {}
    row, rest = 0, numbered(rows)
    while batch := list(islice(rest, _BATCH)):
        messages = [_message(customer, begin + timedelta(milliseconds=row + i)) for i, customer in enumerate(batch)]
        places = _sent(producer, messages, row)
        found = scorer.probabilities(scorer.prepared(pl.DataFrame(messages, infer_schema_length=None))).tolist()
        for message, (partition, offset), probability in zip(messages, places, found, strict=True):
            _predicted(producer, message, partition, offset, probability, model.version)
            ends[partition] = max(ends.get(partition, 0), offset + 1)
        row += len(batch)
    producer.flush(60)
    group = kafka.consumer(bootstrap, group_id=names.GROUP)
    group.commit(offsets=[TopicPartition(names.RAW_TOPIC, p, o) for p, o in ends.items()], asynchronous=False)
    group.close()


def numbered(rows: int) -> Iterator[dict[str, Any]]:
    """Yield customers under numbers of their own."""
    known = customers(min(rows, DIFFERENT), seed=3)
    letters = random.Random(5)
    for row in range(rows):
        tail = "".join(letters.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=5))
        yield {**known[row % len(known)], "customerID": f"{row % 10_000:04d}-{tail}"}


def _message(customer: dict[str, Any], at: datetime) -> dict[str, Any]:
    typed = {name: float(customer[name]) if name == "MonthlyCharges" else int(customer[name]) for name in _NUMBERS}
    return {**customer, **typed, "TotalCharges": str(customer["TotalCharges"]), "event_ts": _text(at)}


def _sent(producer: Producer, messages: list[dict[str, Any]], first: int) -> list[tuple[int, int]]:
    places: dict[int, tuple[int, int]] = {}
    for i, message in enumerate(messages):

        def done(error: Any, record: Any, i: int = i) -> None:
            places[i] = (record.partition(), record.offset())

        headers = [("source_row", b"%d" % (first + i)), ("source_pass", b"0"), ("run_id", b"b")]
        key, value = message["customerID"], orjson.dumps(message)
        producer.produce(names.RAW_TOPIC, value=value, key=key, headers=headers, on_delivery=done)
        producer.poll(0)
    producer.flush(60)
    return [places[i] for i in range(len(messages))]


def _predicted(
    producer: Producer, message: dict[str, Any], partition: int, offset: int, probability: float, version: str
) -> None:
    body = {
        "customerID": message["customerID"],
        "churn_probability": round(probability, 6),
        "prediction": "Yes" if probability >= 0.5 else "No",
        "event_ts": message["event_ts"],
        "processed_ts": _text(datetime.now(UTC)),
        "model_version": version,
        "inference_latency_ms": 0.01,
    }
    headers = [
        ("source_topic", names.RAW_TOPIC.encode()),
        ("source_partition", b"%d" % partition),
        ("source_offset", b"%d" % offset),
        ("run_id", b"b"),
        ("processing_ms", b"1.000"),
    ]
    producer.produce(names.PREDICTION_TOPIC, value=orjson.dumps(body), key=message["customerID"], headers=headers)
    producer.poll(0)


def _text(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
