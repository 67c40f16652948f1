"""The programs of the flow within the test's process, on a topic and a table of the test's own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl
from confluent_kafka import Message
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource

from pipeline_checks.clients.kafka import admin, consumer
from pipeline_checks.clients.kafka_topics import create_topics
from pipeline_checks.clients.lake import iceberg_catalog
from pipeline_checks.model.clock import Deadline
from pipeline_checks.pipelines.market_data import services as declared
from pipeline_checks.pipelines.market_data.flow import avro
from pipeline_checks.pipelines.market_data.flow.kafka import declared_topics
from pipeline_checks.pipelines.market_data.flow.metrics import Metrics
from pipeline_checks.pipelines.market_data.flow.receiving.history import History
from pipeline_checks.pipelines.market_data.flow.receiving.normalise import Normaliser
from pipeline_checks.pipelines.market_data.flow.receiving.publishing import TradePublisher
from pipeline_checks.pipelines.market_data.flow.receiving.receiver import Receiver
from pipeline_checks.pipelines.market_data.flow.sequence import SequenceFile
from pipeline_checks.pipelines.market_data.flow.settings import (
    BinanceSettings,
    ConsumerSettings,
    IcebergSettings,
    KafkaSettings,
)
from pipeline_checks.pipelines.market_data.flow.table.consumer import TopicWriter
from pipeline_checks.pipelines.market_data.flow.table.definition import catalog_of, create_table
from pipeline_checks.pipelines.market_data.flow.writer import build
from pipeline_checks_tests.market_data.local_exchange import SYMBOLS, LocalExchange


@dataclass
class RunningClient:
    """A stream client that runs in a thread; ``problem`` is what it ended with."""

    receiver: Receiver
    publisher: TradePublisher
    loop: asyncio.AbstractEventLoop
    metrics: Metrics
    ended: threading.Event = field(default_factory=threading.Event)
    problem: BaseException | None = None

    def has_published(self, count: int, seconds: float = 20.0) -> None:
        """Wait until so many trades were published and taken by Kafka."""
        done = lambda: self.publisher.published >= count and not self.publisher.waiting  # noqa: E731
        assert Deadline(seconds).wait_until(done, every=0.01), (self.publisher.published, self.receiver.state)

    def has_reconnected(self, count: int, seconds: float = 10.0) -> None:
        """Wait until it has connected once more than ``count`` times."""
        state = self.receiver.state
        done = lambda: state.connections > count and state.connected  # noqa: E731
        assert Deadline(seconds).wait_until(done, every=0.01), state

    def reconnects(self) -> dict[str, float]:
        """Return why connections ended, with how often."""
        found = self.metrics.registry.collect()
        samples = [
            s for m in found if m.name == "k2_binance_reconnects" for s in m.samples if s.name.endswith("_total")
        ]
        return {s.labels["reason"]: s.value for s in samples}


@dataclass(frozen=True)
class Flow:
    """Topic, table and registry of one test."""

    kafka: KafkaSettings
    iceberg: IcebergSettings

    @staticmethod
    def make(settings: dict[str, str], partitions: int = 3) -> Flow:
        """Create topic and table under names that nobody else has."""
        name = uuid4().hex[:8]
        kafka = KafkaSettings(
            bootstrap_servers=settings["KAFKA_BOOTSTRAP_SERVERS"],
            schema_registry_url=settings["MARKET_SCHEMA_REGISTRY_URL"],
            trades_topic=f"market.crypto.trades.test.{name}",
            subject=f"market.crypto.trades.test.{name}-value",
            partitions=partitions,
        )
        iceberg = IcebergSettings.model_validate(
            {
                "catalog_uri": settings["MARKET_ICEBERG_CATALOG_URL"],
                "catalog_name": declared.CATALOG,
                "warehouse": settings["MARKET_ICEBERG_WAREHOUSE"],
                "table": f"test_{name}.trades",
            }
        )
        create_topics(kafka.bootstrap_servers, declared_topics(kafka))
        avro.register(avro.registry(kafka.schema_registry_url), kafka.subject, avro.shipped_schema())
        create_table(catalog_of(iceberg), iceberg.table)
        return Flow(kafka, iceberg)

    def environment(self) -> dict[str, str]:
        """Return the variables with which a program of its own process uses them."""
        return {
            "K2_KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "K2_KAFKA_SCHEMA_REGISTRY_URL": self.kafka.schema_registry_url,
            "K2_KAFKA_TRADES_TOPIC": self.kafka.trades_topic,
            "K2_KAFKA_SUBJECT": self.kafka.subject,
            "K2_ICEBERG_CATALOG_URI": self.iceberg.catalog_uri.get_secret_value(),
            "K2_ICEBERG_CATALOG_NAME": self.iceberg.catalog_name,
            "K2_ICEBERG_WAREHOUSE": self.iceberg.warehouse,
            "K2_ICEBERG_TABLE": self.iceberg.table,
            "K2_OBSERVABILITY_ENABLE_METRICS": "false",
        }

    @contextmanager
    def client(
        self, exchange: LocalExchange, state: Path | None = None, schema: str | None = None, **settings: Any
    ) -> Iterator[RunningClient]:
        """Run a stream client."""
        given = {"reconnect_delay": 0.05, "symbols": list(SYMBOLS), "health_check_timeout": 0, **settings}
        binance = BinanceSettings(**{"websocket_url": exchange.ws, "rest_url": exchange.http, **given})
        text = schema or avro.shipped_schema()
        schema_id = avro.registered_id(avro.registry(self.kafka.schema_registry_url), self.kafka.subject, text)
        metrics = Metrics("test", "test", "client")
        normaliser = Normaliser(binance.quotes)
        file = SequenceFile(state)
        publisher = TradePublisher(self.kafka, avro.Encoder(text, schema_id), normaliser, file, metrics)
        history = History(exchange.http, False) if binance.gap_repair else None
        loop = asyncio.new_event_loop()
        receiver = Receiver(binance, publisher, history, metrics)
        client = RunningClient(receiver, publisher, loop, metrics)

        def run() -> None:
            try:
                loop.run_until_complete(receiver.run())
            except BaseException as problem:
                client.problem = problem
            finally:
                client.ended.set()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield client
        finally:
            if not client.ended.is_set():
                loop.call_soon_threadsafe(receiver.stop)
            thread.join(10)
            publisher.close(10)
            loop.close()

    @contextmanager
    def writer(self, **settings: Any) -> Iterator[TopicWriter]:
        """Run a writer; what it ended with is raised at the end."""
        given = {"batch_seconds": 0.1, "commit_seconds": 0.0, "session_timeout_ms": 6000, "group": self.iceberg.table}
        consuming = ConsumerSettings(**{**given, **settings})
        writer, letters = build(self.kafka, consuming, self.iceberg, Metrics("test", "test", "consumer"))
        problems: list[BaseException] = []

        def run() -> None:
            try:
                writer.run()
            except BaseException as problem:
                problems.append(problem)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield writer
        finally:
            writer.stop()
            thread.join(15)
            letters.close()
        if problems:
            raise problems[0]

    def rows(self) -> pl.DataFrame:
        """Return the table as it is now."""
        catalog = iceberg_catalog(
            self.iceberg.catalog_name, self.iceberg.catalog_uri.get_secret_value(), self.iceberg.warehouse
        )
        found = pl.from_arrow(catalog.load_table(self.iceberg.table).scan().to_arrow())
        assert isinstance(found, pl.DataFrame)
        return found

    def has_rows(self, count: int, seconds: float = 30.0) -> pl.DataFrame:
        """Wait until the table has so many rows, and return them."""
        held: list[pl.DataFrame] = []

        def look() -> bool:
            held[:] = [self.rows()]
            return held[0].height >= count

        Deadline(seconds).wait_until(look, every=0.1)
        assert held[0].height == count
        return held[0]

    def snapshots(self) -> list[dict[str, str]]:
        """Return the properties of the table's snapshots, oldest first."""
        catalog = catalog_of(self.iceberg)
        found = sorted(catalog.load_table(self.iceberg.table).metadata.snapshots, key=lambda s: s.sequence_number or 0)
        return [dict(s.summary.additional_properties) for s in found if s.summary]

    def end(self, topic: str | None = None) -> int:
        """Return how many records a topic has, the trades topic when none is named."""
        return len(self.records(topic))

    def letters(self) -> list[dict[str, Any]]:
        """Return the dead letters with their headers as text."""
        found = []
        for message in self.records(self.kafka.dead_letters):
            headers = {n: v.decode() if isinstance(v, bytes) else v for n, v in (message.headers() or [])}
            found.append({**headers, "key": message.key(), "value": message.value()})
        return found

    def records(self, topic: str | None = None) -> list[Message]:
        """Return the records of a topic."""
        from confluent_kafka import TopicPartition

        name = topic or self.kafka.trades_topic
        reader = consumer(self.kafka.bootstrap_servers, enable_partition_eof=True)
        partitions = reader.list_topics(name, timeout=10).topics[name].partitions
        reader.assign([TopicPartition(name, p, 0) for p in partitions])
        found: list[Message] = []
        ended: set[int] = set()
        deadline = Deadline(20)
        while len(ended) < len(partitions):
            assert not deadline.passed
            for message in reader.consume(5000, 0.1):
                if message.error() is None:
                    found.append(message)
                else:
                    ended.add(message.partition() or 0)
        return found

    def refuse_dead_letters(self) -> None:
        """Have the topic of the dead letters take no record, as one does that is full."""
        client = admin(self.kafka.bootstrap_servers)
        entry = ConfigEntry("max.message.bytes", "1", incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ConfigResource.Type.TOPIC, self.kafka.dead_letters, incremental_configs=[entry])
        for future in client.incremental_alter_configs([resource]).values():
            future.result()

    def remove(self) -> None:
        """Remove the topics."""
        client = admin(self.kafka.bootstrap_servers)  # held: gone, it would take its requests with it
        removed = client.delete_topics([self.kafka.trades_topic, self.kafka.dead_letters])
        for future in removed.values():
            future.result()
