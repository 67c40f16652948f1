"""What Prometheus scrapes while a pipeline runs clean or has a fault: rendered by our own code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from prometheus_client.core import Metric

from pipeline_checks.reports.ledger_metrics import gauge
from pipeline_checks.reports.prometheus import families
from pipeline_checks.verification.ledger.latest import CheckNow, Latest, RunNow, StageNow

STEP_MINUTES = 2.5
INSTANTS = [step * STEP_MINUTES * 60.0 for step in range(19)]
"""Seconds of the scrapes, three quarters of an hour."""
FAULT_AT = 5
"""Minute from which on a fault shows."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTES_A_RUN = 5


@dataclass
class State:
    """What is true in one minute; the defaults are those of a pipeline in good order."""

    minute: float
    verdicts: dict[tuple[str, str], str] = field(
        default_factory=lambda: {("pg", "schema"): "PASS", ("lake", "counts"): "PASS", ("lake", "reconcile"): "PASS"}
    )
    lag: float = 2.0
    rows: int = 10
    readable: bool = True
    connector: str = "RUNNING"
    changed: int = 0
    found: int = 0
    judged_before: timedelta = timedelta()
    ran_before: timedelta = timedelta()
    waiting: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    ledger: bool = True
    served: bool = True

    def metrics(self) -> list[Metric]:
        """Return what is scraped, nothing where nothing is served."""
        if not self.served:
            return []
        told = [*gauge("ledger_readable", {(): float(self.ledger)})]
        if self.ledger:
            told += [*families(self._latest()), *gauge("alerts_waiting", self.waiting)]
        return told

    def _latest(self) -> Latest:
        run = EPOCH + timedelta(minutes=self.minute - self.minute % _MINUTES_A_RUN)
        at, judged = run - self.ran_before, run - self.ran_before - self.judged_before
        latest = Latest()
        for (stage, check), verdict in self.verdicts.items():
            newest = judged if (stage, check) == ("pg", "schema") else at
            latest.checks["shop", stage, check] = CheckNow(verdict, int(verdict == "FAIL"), 0.1, newest)
        worst = "PASS" if set(self.verdicts.values()) == {"PASS"} else "FAIL"
        latest.runs["shop"] = RunNow(worst, 1.5, at)
        latest.measures["shop", "lake", "counts", "expected_rows"] = 10.0
        for stage, kind in (("pg", "postgres_table"), ("lake", "delta_table")):
            problem = "" if self.readable or stage == "pg" else "it does not answer"
            latest.stages["shop", stage] = StageNow(kind, None, True, self.rows, "exact", self.lag, problem, at)
        latest.connectors["shop", "cdc-connector"] = self.connector
        latest.said["shop", "counts", "PASS"] = int(self.minute // _MINUTES_A_RUN)
        latest.found["shop", "counts", "missing"] = self.found
        latest.changed["shop", "lake"] = self.changed
        return latest


Fault = Callable[[State], None]
"""Changes what is true in a minute in which the fault shows; since when it does is told by ``minute``."""


def scrapes(fault: Fault | None) -> list[tuple[float, list[Metric]]]:
    """Return the seconds and metrics of every scrape."""
    told: list[tuple[float, list[Metric]]] = []
    for at in INSTANTS:
        state = State(at / 60.0)
        if fault is not None and state.minute >= FAULT_AT:
            fault(state)
        told.append((at, state.metrics()))
    return told


def _fails(state: State) -> None:
    state.verdicts["lake", "counts"] = "FAIL"


def _unsettled(state: State) -> None:
    state.verdicts["lake", "reconcile"] = "UNSETTLED"


def _missing(state: State) -> None:
    state.rows = 9


def _surplus(state: State) -> None:
    state.rows = 11


def _differs(state: State) -> None:
    state.changed = int(3 * max(0, state.minute - 30))


def _lags(state: State) -> None:
    state.lag = 12.0


def _stalls(state: State) -> None:
    state.lag = 2.0 + 60.0 * (state.minute - FAULT_AT)


def _unreadable(state: State) -> None:
    state.readable = False


def _failed_connector(state: State) -> None:
    state.connector = "FAILED"


def _paused_connector(state: State) -> None:
    state.connector = "PAUSED"


def _not_run(state: State) -> None:
    state.ran_before = timedelta(hours=27)


def _not_judged(state: State) -> None:
    state.judged_before = timedelta(hours=51)


def _many_findings(state: State) -> None:
    state.found = int(120 * (state.minute - FAULT_AT))


def _channel_away(state: State) -> None:
    state.waiting = {("shop", "slack"): 2.0}


def _ledger_away(state: State) -> None:
    state.ledger = False


def _metrics_away(state: State) -> None:
    state.served = False


FAULTS: dict[str, tuple[Fault, set[str]]] = {
    "a check fails": (_fails, {"CheckFailed", "PipelineUnhealthy"}),
    "a check cannot be judged": (_unsettled, {"CheckNotProved", "PipelineUnhealthy"}),
    "rows are missing": (_missing, {"RowsMissing"}),
    "there are rows too many": (_surplus, {"RowsSurplus"}),
    "values differ": (_differs, {"ValuesDiffer"}),
    "the pipeline lags": (_lags, {"HighCDCLag"}),
    "the pipeline stalls": (_stalls, {"HighCDCLag", "CriticalCDCLag", "CDCLagGrowing"}),
    "a stage cannot be read": (_unreadable, {"StageUnreadable"}),
    "the connector failed": (_failed_connector, {"ConnectorFailed"}),
    "the connector is paused": (_paused_connector, {"ConnectorStopped"}),
    "nothing verifies": (_not_run, {"PipelineNotVerified"}),
    "a check is left out": (_not_judged, {"CheckNotJudged"}),
    "findings come in masses": (_many_findings, {"HighErrorRate"}),
    "a channel takes nothing": (_channel_away, {"AlertsNotDelivered"}),
    "the ledger is away": (_ledger_away, {"LedgerUnreadable"}),
    "nothing serves metrics": (_metrics_away, {"MetricsAway"}),
}
"""What is wrong, and the alerts that must fire of it, and no others."""
