"""One streaming query for each topic in one session: Spark judges, the feeds write."""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import orjson
import polars as pl

from pipeline_checks.clients.kafka import admin, translated
from pipeline_checks.clients.settings import setting
from pipeline_checks.clients.spark import end, session, session_settings
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import TransientError
from pipeline_checks.pipelines.sales.flow.configuration.model import Flow
from pipeline_checks.pipelines.sales.flow.judging import events as event_rules
from pipeline_checks.pipelines.sales.flow.judging import lines as line_rules
from pipeline_checks.pipelines.sales.flow.lake import feeds
from pipeline_checks.pipelines.sales.flow.lake.covers import Covers
from pipeline_checks.pipelines.sales.flow.lake.feed import Feed
from pipeline_checks.pipelines.sales.flow.streaming.metrics import EtlMetrics

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.streaming.query import StreamingQuery

_log = logging.getLogger(__name__)

_TOPIC_SECONDS: Final = 180.0
_STOP_SECONDS: Final = 20.0
_REMEMBERED: Final = 100
_SPARK: Final = {
    "spark.sql.streaming.pollingDelay": "100ms",
    "spark.sql.streaming.minBatchesToRetain": "10",
    "spark.sql.streaming.metricsEnabled": "false",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "20000",
    # What is not of its type is null, to be judged, rather than the end of the query.
    "spark.sql.ansi.enabled": "false",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    # The rules in one method would be more than the JVM compiles: interpreted they are several times slower than apart.
    "spark.sql.codegen.hugeMethodLimit": "8000",
}
Judge = Callable[["DataFrame", Flow], "DataFrame"]


@dataclass(frozen=True)
class Places:
    """Where messages come from, and where tables and checkpoint lie."""

    bootstrap: str
    lines: str
    events: str
    delta: str
    checkpoint: str


class Etl:
    """The queries and what is known of them; when one fails, all end."""

    def __init__(self, places: Places, flow: Flow, metrics: EtlMetrics) -> None:
        self._places = places
        self._flow = flow
        self._metrics = metrics
        self._queries: list[StreamingQuery] = []
        self._ended = threading.Event()
        self._left = 2
        self._failure: BaseException | None = None
        self._batches: deque[dict[str, Any]] = deque(maxlen=_REMEMBERED)
        self._count = 0
        self._message = "starting"

    def health(self) -> dict[str, Any]:
        """Return what the health endpoint answers; ``ready`` while the queries run."""
        active = bool(self._queries) and not self._ended.is_set()
        return {
            "ready": active,
            "status": "running" if active else self._message,
            "message": "" if active else self._message,
            "pid": os.getpid(),
            "batches": self._count,
            "last_batch": self._batches[-1] if self._batches else None,
        }

    def batches(self) -> dict[str, Any]:
        """Return the results of the last batches of this process, oldest first."""
        return {"batches": list(self._batches)}

    def stop(self) -> None:
        """End the queries."""
        self._ended.set()

    def run(self, *, once: bool = False, given: SparkSession | None = None) -> int:
        """Run until stopped (0) or until a query fails (1); with ``once`` until what is there now is taken.

        A session that is ``given`` is used and left; otherwise one is started, and ended.
        """
        begun = Deadline(_TOPIC_SECONDS)
        with ThreadPoolExecutor(1, thread_name_prefix="spark") as pool:
            starting = pool.submit(self._session, given)
            self._message = "waiting for the topics"
            topics = self._topics(begun)
            self._message = "starting Spark and opening the tables"
            feeds_of = {}
            for topic, made in ((self._places.lines, feeds.lines), (self._places.events, feeds.events)):
                feeds_of[topic] = made(self._places.delta, {topic: {p: 0 for p in topics[topic]}}, self._flow)
                feeds_of[topic].open()
            spark = starting.result()
        judges = {self._places.lines: line_rules.judged, self._places.events: event_rules.judged}
        started = [self._stream(spark, topic, topics[topic], f, judges[topic], once) for topic, f in feeds_of.items()]
        self._queries = started
        _log.info("the queries run after %.1f s", begun.elapsed)
        watched = [threading.Thread(target=self._watch, args=(q, once), name="watch", daemon=True) for q in started]
        for watch in watched:
            watch.start()
        self._ended.wait()
        if self._failure is not None:
            _log.error("a query has failed: %s", self._failure)
            return 1
        try:
            for query in started:
                query.stop()
            if given is None:
                end(spark, _STOP_SECONDS)
        except Exception as problem:  # the JVM may have been told to end beside us, and be gone
            _log.info("Spark was gone already: %s", type(problem).__name__)
        return 0

    def _session(self, given: SparkSession | None) -> SparkSession:
        if given is not None:
            return given
        spark = session("sales-etl", etl_settings())
        empty = spark.sql(
            "SELECT '' AS topic, 0 AS partition, 0L AS offset, current_timestamp() AS timestamp,"
            " CAST('{}' AS BINARY) AS value, array(named_struct('key', '', 'value', CAST('' AS BINARY))) AS headers"
        )
        for judge in (line_rules.judged, event_rules.judged):
            judge(empty, self._flow).toArrow()  # the first time of what each batch does takes seconds
        return spark

    def _topics(self, deadline: Deadline) -> dict[str, list[int]]:
        client, wanted = admin(self._places.bootstrap), (self._places.lines, self._places.events)

        def partitions() -> dict[str, list[int]] | None:
            try:
                with translated("listing the topics"):
                    known = client.list_topics(timeout=5).topics
            except TransientError:
                return None
            found = {t: sorted(known[t].partitions) for t in wanted if t in known and known[t].partitions}
            return found if len(found) == len(set(wanted)) else None

        found = deadline.wait_until(partitions, every=0.1)
        if found is None:
            raise TransientError(
                f"the topics {', '.join(wanted)} were not there after {_TOPIC_SECONDS:.0f} s.",
                next_step="See whether the preparation of the pipeline has run.",
            )
        return found

    def _stream(
        self, spark: SparkSession, topic: str, partitions: list[int], feed: Feed, judge: Judge, once: bool
    ) -> StreamingQuery:
        records = (
            spark.readStream.format("kafka")
            .option("kafka.bootstrap.servers", self._places.bootstrap)
            .option("assign", orjson.dumps({topic: partitions}).decode())
            .option("startingOffsets", "earliest")
            .option("failOnDataLoss", "true")
            .option("includeHeaders", "true")
            .option("maxOffsetsPerTrigger", str(self._flow.batch_records))
            .option("kafka.isolation.level", "read_committed")
            .option("kafka.fetch.max.wait.ms", "50")
            .option("kafka.reconnect.backoff.max.ms", "200")
            .option("kafka.default.api.timeout.ms", "120000")
            .option("fetchOffset.numRetries", "20")
            .option("fetchOffset.retryIntervalMs", "500")
            .load()
        )

        def batch(rows: DataFrame, number: int) -> None:
            self._batch(topic, feed, judge(rows.coalesce(2), self._flow), number)

        writer = records.writeStream.foreachBatch(batch).option(
            "checkpointLocation", f"{self._places.checkpoint}/{topic}"
        )
        chosen = writer.trigger(availableNow=True) if once else writer.trigger(processingTime="0 seconds")
        return chosen.queryName(topic).start()

    def _batch(self, topic: str, feed: Feed, frame: DataFrame, number: int) -> None:
        started, now = monotonic(), datetime.now(UTC)
        judged = pl.from_arrow(frame.toArrow())
        assert isinstance(judged, pl.DataFrame)
        if not judged.height:
            return
        reached = _reached(topic, judged)
        if feed.has(reached):
            return  # all of it was committed before a crash, or before the checkpoint was lost
        judging = monotonic() - started
        name = f"{topic}-{number:08d}"
        taken = feed.take(judged, reached, name, now)
        feed.maintain()
        self._metrics.taken(topic, taken, reached)
        newest = judged["ingestion_timestamp"].max()
        assert isinstance(newest, datetime)
        seconds, done = monotonic() - started, datetime.now(UTC)
        self._metrics.batch(seconds, (done - newest).total_seconds())
        result = {
            "status": "success",
            "batch_id": name,
            "topic": topic,
            "records_processed": taken.records,
            "rows_added": taken.added,
            "rows_replaced": taken.replaced,
            "records_rejected": sum(taken.rejected.values()),
            "rejected": dict(taken.rejected),
            "start_time": now.isoformat(),
            "end_time": done.isoformat(),
            "duration_seconds": round(seconds, 3),
            "judging_seconds": round(judging, 3),
            "silver_path": feed.silver.uri,
            "quarantine_path": feed.quarantine.uri,
        }
        self._batches.append(result)
        self._count += 1
        _log.info("%s", orjson.dumps(result).decode())

    def _watch(self, query: StreamingQuery, once: bool) -> None:
        try:
            query.awaitTermination()
        except Exception as problem:
            self._failure = problem
        if once and self._failure is None:
            self._left -= 1
            if self._left:
                return
        elif not self._ended.is_set() and self._failure is None:
            self._failure = RuntimeError("the query ended by itself")
        self._ended.set()


def etl_settings() -> dict[str, str]:
    """Return the settings of the session that the queries run in; ``SALES_ETL_FAST_START`` is for a short life."""
    return {**session_settings(throughput=not setting("SALES_ETL_FAST_START", "")), **_SPARK}


def _reached(topic: str, judged: pl.DataFrame) -> Covers:
    """Return the offsets behind the records of a batch."""
    last = judged.group_by("source_partition").agg(pl.col("source_offset").max())
    return {topic: {partition: offset + 1 for partition, offset in last.iter_rows()}}
