"""The metrics of a ledger, read anew for every scrape."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.reports.metric_names import METRICS, PREFIX
from pipeline_checks.reports.prometheus import families
from pipeline_checks.verification.ledger.alert_book import AlertBook
from pipeline_checks.verification.ledger.latest import Latest, LatestReader
from pipeline_checks.verification.ledger.location import Location

if TYPE_CHECKING:
    from prometheus_client.core import Metric

Checks = Mapping[str, frozenset[tuple[str, str]]]
"""Pipeline to stage and kind of its checks."""


class LedgerMetrics:
    """A collector for Prometheus' client.

    When the ledger cannot be read, only that is told: what was known before may have become wrong.

    Parameters
    ----------
    declared:
        The checks that pipelines have now: what the ledger tells of others of these pipelines is not told any more.
    say:
        Takes a line when the ledger cannot be read, and when it can be read again.
    """

    def __init__(self, place: Location, declared: Checks, say: Callable[[str], None]) -> None:
        self._reader = LatestReader(place)
        self._book = AlertBook(place, create=False)
        self._declared = declared
        self._say = say
        self._lock = threading.Lock()
        self.problem: str | None = ""
        """Why the ledger could not be read last, None when it could; empty before the first time."""

    def close(self) -> None:
        """Give back all connections."""
        self._reader.close()
        self._book.close()

    def describe(self) -> list[Metric]:
        """Return nothing: what is told is known when it is asked for."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Return the metrics as they are now."""
        with self._lock:
            found = self._read()
        return iter([*gauge("ledger_readable", {(): float(self.problem is None)}), *found])

    def _read(self) -> list[Metric]:
        try:
            found = list(families(self._of_now(self._reader.refresh())))
            found += gauge("alerts_open", self._open())
            found += gauge("alerts_waiting", Counter((w.pipeline, w.channel) for w in self._book.waiting()))
        except PipelineChecksError as problem:
            if str(problem) != self.problem:
                self._say(f"WARN: {problem}")
            self.problem = str(problem)
            return []
        if self.problem:
            self._say("the ledger can be read again")
        self.problem = None
        return found

    def _open(self) -> Counter[tuple[str, ...]]:
        """How many alerts are open, 0 for every pipeline that has none."""
        counted: Counter[tuple[str, ...]] = Counter({(pipeline,): 0 for pipeline in self._reader.latest.runs})
        counted.update((a.pipeline,) for a in self._book.open_alerts())
        return counted

    def _of_now(self, latest: Latest) -> Latest:
        """Leave out checks and stages that their pipeline does not have any more."""
        stages = {(p, stage) for p, checks in self._declared.items() for stage, _ in checks}
        return replace(
            latest,
            checks={k: v for k, v in latest.checks.items() if self._is_declared(*k)},
            measures={k: v for k, v in latest.measures.items() if self._is_declared(*k[:3])},
            stages={k: v for k, v in latest.stages.items() if k in stages or k[0] not in self._declared},
        )

    def _is_declared(self, pipeline: str, stage: str, check: str) -> bool:
        checks = self._declared.get(pipeline)
        return checks is None or (stage, check) in checks


def gauge(name: str, values: Mapping[tuple[str, ...], float]) -> list[Metric]:
    """Return the gauge of that name behind the prefix, with a value for each tuple of labels; nothing without any."""
    from prometheus_client.core import GaugeMetricFamily

    declared = METRICS[f"{PREFIX}{name}"]
    family = GaugeMetricFamily(f"{PREFIX}{name}", declared.help, labels=declared.labels)
    for labels, value in values.items():
        family.add_metric(list(labels), value)
    return [family] if values else []
