"""The components of the running pipeline: their processes, and what waits before them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pipeline_checks.clients.postgres import connect, translated
from pipeline_checks.clients.settings import setting
from pipeline_checks.pipelines.sales.flow.tables import EVENTS_TOPIC, LINES_TOPIC, LOADED
from pipeline_checks.pipelines.sales.monitoring.groups import ProcessGroup
from pipeline_checks.pipelines.sales.monitoring.monitor import PerformanceMonitor, Queue
from pipeline_checks.stack.probes import probe_json
from pipeline_checks.stack.providers import Provider
from pipeline_checks.stages.topic_log import TopicLog

COMPONENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "kafka_streaming": ("kafka",),
    "spark_processing": ("sales_etl",),
    "dbt_transformations": ("sales_dbt",),
    "database_operations": ("postgres", "sales_loader"),
}
"""Components and the services whose processes they are."""
_COVERED: Final = "SELECT covers FROM raw.loads WHERE table_name = %s ORDER BY load_id DESC LIMIT 1"


@dataclass
class ServicePids:
    """The processes of services; asked again when one of them has gone."""

    provider: Provider
    _known: dict[str, int] = field(default_factory=dict)

    def of(self, names: tuple[str, ...]) -> list[int]:
        """Return the ids of the services' processes that run."""
        import psutil

        if any(name not in self._known or not psutil.pid_exists(self._known[name]) for name in names):
            self._known = {s.name: s.pid for s in self.provider.status() if s.pid}
        return [self._known[name] for name in names if name in self._known]


def monitor(provider: Provider, sampling_seconds: float) -> PerformanceMonitor:
    """Return a monitor of the components of the running stack."""
    pids = ServicePids(provider)
    groups = [ProcessGroup(name, lambda names=names: pids.of(names)) for name, names in COMPONENTS.items()]  # type: ignore[misc]
    return PerformanceMonitor(groups, _queues(), sampling_seconds)


def _queues() -> list[Queue]:
    topics = dict(zip((LINES_TOPIC, EVENTS_TOPIC), LOADED.values(), strict=True))
    lags = [
        Queue("spark_processing", f"{topic}_lag", "messages", lambda topic=topic, table=table: _lag(topic, table))  # type: ignore[misc]
        for topic, table in topics.items()
    ]
    return [*lags, Queue("dbt_transformations", "loads_waiting", "loads", _loads_waiting)]


def _lag(topic: str, table: str) -> float:
    """Messages of a topic that the warehouse does not cover yet."""
    log = TopicLog(setting("KAFKA_BOOTSTRAP_SERVERS"), topic)
    try:
        low, high = log.watermarks()
    finally:
        log.close()
    with connect(setting("SALES_WAREHOUSE_URL"), read_only=True) as connection, translated("reading what is loaded"):
        row = connection.execute(_COVERED, [table]).fetchone()
    covered: dict[str, int] = (row[0] if row else {}).get(topic, {})
    return float(sum(end - max(low[p], int(covered.get(str(p), 0))) for p, end in high.items()))


def _loads_waiting() -> float:
    health: Any = probe_json("dbt", setting("SALES_DBT_METRICS_URL"), "/health")
    return float(max(0, health["newest_load"] - health["covered_load"]))
