"""The mover: ``python -m pipeline_checks.pipelines.cdc.flow.mover``. Kafka to Delta and Iceberg, one streaming query.

It ends with a failure when the query fails, so that whoever supervises it starts it anew: from the checkpoint, or
without one from the beginning of the topics; what the tables cover already is dropped either way.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import orjson

from pipeline_checks.clients.monitor import serve_monitor
from pipeline_checks.clients.settings import setting
from pipeline_checks.clients.spark import end, session, session_settings
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import TransientError
from pipeline_checks.pipelines.cdc.flow.batches import BatchProcessor
from pipeline_checks.pipelines.cdc.flow.decode import OLD_KEY
from pipeline_checks.pipelines.cdc.flow.lakes import quarantine, writers
from pipeline_checks.pipelines.cdc.flow.progress import ProgressLog
from pipeline_checks.pipelines.cdc.flow.sink import BatchId
from pipeline_checks.pipelines.cdc.flow.topics import partitions

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.streaming.query import StreamingQuery

_log = logging.getLogger(__name__)

TOPIC_SECONDS: Final = 180.0
"""How long to wait for the topics."""
STOP_SECONDS: Final = 20.0
"""How long the JVM may take to end."""
_SPARK: Final = {
    "spark.sql.streaming.pollingDelay": "50ms",
    "spark.sql.streaming.minBatchesToRetain": "10",
    "spark.sql.streaming.metricsEnabled": "false",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "20000",
}
_MAX_RECORDS: Final = "20000"
"""Records of one batch, so that a backlog fits into memory: with its schema a record has some 5 kB."""


class Mover:
    """The streaming query and what is known of it."""

    def __init__(self) -> None:
        self._processor: BatchProcessor | None = None
        self._query: StreamingQuery | None = None
        self._started = threading.Event()
        self._ended = threading.Event()
        self._failure: BaseException | None = None
        self._progress = ProgressLog()
        self._last: dict[str, Any] = {}
        self._batches = 0
        self._message = "starting"

    def health(self) -> dict[str, Any]:
        """Return what the health endpoint answers; ``ready`` when the query is active and every table exists.

        ``batches`` counts those written since the process started.
        """
        active = self._query is not None and self._started.is_set() and not self._ended.is_set()
        return {
            "ready": active,
            "status": "running" if active else self._message,
            "message": "" if active else self._message,
            "query": self._query.id if active and self._query is not None else None,
            "pid": os.getpid(),
            "batches": self._batches,
            "last_batch": {k: self._last.get(k) for k in ("batch", "at", "records", "seconds")} if self._last else None,
        }

    def run(self) -> int:
        """Move data until told to stop (exit 0) or until the query fails (exit 1)."""
        deadline = Deadline(TOPIC_SECONDS)
        bootstrap = setting("KAFKA_BOOTSTRAP_SERVERS")
        with ThreadPoolExecutor(2, thread_name_prefix="start") as pool:
            starting = pool.submit(_warm_session)
            opening = pool.submit(self._open)
            self._message = "waiting for the topics"
            topics = partitions(bootstrap, deadline)
            if topics is None:
                raise TransientError(
                    f"the topics of the captured tables were not there after {TOPIC_SECONDS:.0f} s",
                    next_step="See whether the preparation of the pipeline has run.",
                )
            self._message = "starting Spark and opening the tables"
            spark, self._processor = starting.result(), opening.result()
        _log.info("Spark and the tables are ready after %.1f s", deadline.elapsed)
        self._query = self._stream(spark, bootstrap, topics)
        self._started.set()
        _log.info("the query runs after %.1f s", deadline.elapsed)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._ended.set())
        threading.Thread(target=self._watch, name="watch", daemon=True).start()
        self._ended.wait()
        if self._failure is not None:
            _log.error("the query has failed: %s", self._failure)
            return 1
        try:
            self._query.stop()
            end(spark, STOP_SECONDS)
        except Exception as error:  # the JVM may have been told to end beside us, and be gone
            _log.info("Spark was gone already: %s", type(error).__name__)
        return 0

    def _open(self) -> BatchProcessor:
        deadline = Deadline(TOPIC_SECONDS)
        problem: list[Exception] = []

        def opened() -> BatchProcessor | None:
            try:
                processor = BatchProcessor(writers(), quarantine())
                processor.open()
                return processor
            except TransientError as error:  # the catalog's database may start beside us
                problem.append(error)
                return None

        processor = deadline.wait_until(opened, every=0.2)
        if processor is None:
            raise problem[-1]
        return processor

    def _stream(self, spark: SparkSession, bootstrap: str, topics: dict[str, list[int]]) -> StreamingQuery:
        records = (
            spark.readStream.format("kafka")
            .option("kafka.bootstrap.servers", bootstrap)
            .option("assign", orjson.dumps(topics).decode())
            .option("startingOffsets", "earliest")
            .option("failOnDataLoss", "true")
            .option("includeHeaders", "true")
            .option("maxOffsetsPerTrigger", _MAX_RECORDS)
            .option("kafka.isolation.level", "read_committed")
            .option("kafka.fetch.max.wait.ms", "50")
            .option("kafka.reconnect.backoff.max.ms", "200")
            .option("kafka.default.api.timeout.ms", "120000")
            .option("fetchOffset.numRetries", "20")
            .option("fetchOffset.retryIntervalMs", "500")
            .load()
        )
        return (
            records.writeStream.foreachBatch(self._batch)
            .option("checkpointLocation", setting("CHECKPOINT_LOCATION"))
            .trigger(processingTime="0 seconds")
            .queryName("cdc")
            .start()
        )

    def _batch(self, records: DataFrame, number: int) -> None:
        started = monotonic()
        self._started.wait()
        assert self._processor is not None and self._query is not None
        rows = _collected(records)
        collected = monotonic()
        if rows.num_rows == 0:
            return
        entry = self._processor.process(rows, BatchId(self._query.id, number))
        entry["collect_seconds"] = round(collected - started, 4)
        entry["seconds"] = round(monotonic() - started, 4)
        maintenance = self._processor.maintain()
        if maintenance:
            entry["maintenance"] = maintenance
        entry["done_at"] = datetime.now(UTC).isoformat()
        self._progress.write(entry)
        self._last = entry
        self._batches += 1

    def _watch(self) -> None:
        assert self._query is not None
        try:
            self._query.awaitTermination()
        except Exception as error:
            self._failure = error
        if not self._ended.is_set() and self._failure is None:
            self._failure = RuntimeError("the query ended by itself")
        self._ended.set()


def _collected(records: DataFrame) -> pa.Table:
    """Return the records as Arrow: one task a core instead of one a partition, and of five headers the one of use."""
    headers = f"filter(headers, h -> h.key = '{OLD_KEY}') AS headers"
    return (
        records.selectExpr("topic", "partition", "offset", "timestamp", "key", "value", headers).coalesce(2).toArrow()
    )


def _warm_session() -> SparkSession:
    """Start Spark and let it do once what each batch does: the first time takes seconds, while the tables open."""
    spark = session("cdc-mover", {**session_settings(), **_SPARK})
    _collected(
        spark.range(1).selectExpr(
            "'' AS topic",
            "0 AS partition",
            "id AS offset",
            "current_timestamp() AS timestamp",
            "CAST('' AS BINARY) AS key",
            "CAST('' AS BINARY) AS value",
            "array(named_struct('key', '', 'value', CAST('' AS BINARY))) AS headers",
        )
    )
    return spark


def main() -> int:
    """Run the mover with its health endpoint on ``CDC_MOVER_PORT``."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("py4j").setLevel(logging.WARNING)
    mover = Mover()
    serve_monitor(int(setting("CDC_MOVER_PORT")), None, mover.health)
    try:
        return mover.run()
    except Exception:
        _log.exception("the mover cannot go on")
        return 1


if __name__ == "__main__":
    status = main()
    logging.shutdown()
    os._exit(status)  # a JVM that hangs in its shutdown must not keep the process from being started anew
