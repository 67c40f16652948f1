"""What the ETL counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from pipeline_checks.pipelines.sales.flow.lake.covers import Covers
from pipeline_checks.pipelines.sales.flow.lake.feed import Taken


class EtlMetrics:
    """The counters of one process; they begin at zero with it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._records = Counter("sales_etl_records", "messages taken", ["topic"], registry=self.registry)
        self._silver = Counter("sales_etl_silver_rows", "rows added to silver", ["topic"], registry=self.registry)
        self._replaced = Counter(
            "sales_etl_replaced_rows", "rows of silver that became duplicates", ["topic"], registry=self.registry
        )
        self._rejected = Counter(
            "sales_etl_quarantined_rows", "rows put into quarantine", ["topic", "reason"], registry=self.registry
        )
        self._covered = Gauge(
            "sales_etl_next_offset", "offset that is read next", ["topic", "partition"], registry=self.registry
        )
        self._lag = Gauge(
            "sales_etl_lag_seconds", "from append of the newest message of a batch to commit", registry=self.registry
        )
        self._seconds = Histogram("sales_etl_batch_seconds", "time of a batch", registry=self.registry)

    def taken(self, topic: str, taken: Taken, reached: Covers) -> None:
        """Count what a batch came to for one topic."""
        self._records.labels(topic).inc(taken.records)
        self._silver.labels(topic).inc(taken.added)
        self._replaced.labels(topic).inc(taken.replaced)
        for reason, rows in taken.rejected.items():
            self._rejected.labels(topic, reason).inc(rows)
        for partition, offset in reached.get(topic, {}).items():
            self._covered.labels(topic, str(partition)).set(offset)

    def batch(self, seconds: float, lag: float) -> None:
        """Note how long a batch took, and how long its newest message waited for the commit."""
        self._seconds.observe(seconds)
        self._lag.set(lag)
