"""Verdicts and figures as metrics of Prometheus: of one run as text, and of whatever is known as its client has it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.result import RunResult
from pipeline_checks.model.verdict import Verdict, overall
from pipeline_checks.reports.metric_names import METRICS, PREFIX
from pipeline_checks.verification.ledger.latest import CheckNow, Latest, RunNow, StageNow
from pipeline_checks.verification.ledger.recording import as_number

if TYPE_CHECKING:
    from prometheus_client.core import Metric

HEALTHY: Final = (Verdict.PASS, Verdict.WARN)
CONNECTOR_STATES: Final = {"RUNNING": 1, "FAILED": -1}
"""Every other state, such as PAUSED, is 0."""


def render(results: Sequence[RunResult]) -> str:
    """Return the metrics of some runs as the text that Prometheus and its node exporter read.

    It has no counters: one run cannot tell how often something was.
    """
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    registry.register(Fixed(list(families(latest_of(results)))))
    return generate_latest(registry).decode()


def latest_of(results: Sequence[RunResult]) -> Latest:
    """Return what some runs tell of now."""
    latest = Latest()
    for result in results:
        at = result.started_at
        latest.runs[result.pipeline] = RunNow(str(result.verdict), result.seconds, at)
        for check in result.checks:
            place = (result.pipeline, check.stage, check.check)
            latest.checks[place] = CheckNow(str(check.verdict), check.judgement.total, check.seconds, at)
            for name, value in check.judgement.measures.items():
                if (number := as_number(value)) is not None:
                    latest.measures[*place, str(name)] = number
        for stage in result.stages:
            latest.stages[result.pipeline, stage.name] = StageNow(
                stage.kind,
                None if stage.position is None else stage.position.to_json(),
                stage.covers_cut,
                None if stage.rows is None else stage.rows.value,
                None if stage.rows is None else str(stage.rows.grade),
                stage.lag_seconds,
                stage.problem,
                at,
            )
    return latest


class Fixed:
    """A collector of what is known already."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """Return the metrics."""
        return self._metrics


class _Families:
    """Metrics by name, as they are declared."""

    def __init__(self) -> None:
        self._made: dict[str, Metric] = {}

    def add(self, name: str, labels: Sequence[str], value: float) -> None:
        """Add one value; the labels stand in the order of the declaration."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        declared = METRICS[name]
        if name not in self._made:
            family = CounterMetricFamily if declared.kind == "counter" else GaugeMetricFamily
            self._made[name] = family(name, declared.help, labels=declared.labels)
        self._made[name].add_metric(list(labels), value)  # type: ignore[attr-defined]

    def __iter__(self) -> Iterator[Metric]:
        return (self._made[name] for name in METRICS if name in self._made)


def families(latest: Latest) -> Iterator[Metric]:
    """Return the metrics of what is known, in the order in which they are declared."""
    made = _Families()
    _checks(made, latest)
    _stages(made, latest)
    _pipelines(made, latest)
    _counters(made, latest)
    return iter(made)


def _checks(made: _Families, latest: Latest) -> None:
    for place, now in latest.checks.items():
        for verdict in Verdict:
            made.add(f"{PREFIX}verdict", (*place, str(verdict)), float(now.verdict == verdict))
        made.add(f"{PREFIX}findings", place, now.findings_total)
        made.add(f"{PREFIX}check_duration_seconds", place, now.seconds)
        made.add(f"{PREFIX}check_timestamp_seconds", place, now.at.timestamp())
    for place_and_name, value in latest.measures.items():
        made.add(f"{PREFIX}measure", place_and_name, value)


def _stages(made: _Families, latest: Latest) -> None:
    for place, now in latest.stages.items():
        pipeline, stage = place
        made.add(f"{PREFIX}stage_readable", place, float(not now.problem))
        if now.covers_cut is not None:
            made.add(f"{PREFIX}stage_covers_cut", place, float(now.covers_cut))
        if now.rows is not None:
            made.add(f"{PREFIX}stage_rows", (*place, now.rows_grade or ""), now.rows)
        if now.lag_seconds is not None:
            made.add(f"{PREFIX}stage_lag_seconds", place, now.lag_seconds)
        position = now.position or {}
        match position.get("kind"):
            case "version":
                made.add(f"{PREFIX}stage_version", place, float(position["value"]))
                if now.kind == "delta_table":
                    made.add("deltalake_table_version", place, float(position["value"]))
            case OffsetsPosition.kind:
                for topic, partitions in position["value"].items():
                    for partition, offset in partitions.items():
                        made.add(f"{PREFIX}stage_offset", (*place, topic, str(partition)), float(offset))
        expected = latest.measures.get((pipeline, stage, "counts", "expected_rows"))
        if expected is not None and now.rows is not None:
            made.add("row_count_difference", place, now.rows - expected)


def _pipelines(made: _Families, latest: Latest) -> None:
    verdicts: dict[str, list[Verdict]] = {}
    for (pipeline, _, _), now in latest.checks.items():
        verdicts.setdefault(pipeline, []).append(Verdict(now.verdict))
    lags: dict[str, float] = {}
    for (pipeline, _), stage in latest.stages.items():
        if stage.lag_seconds is not None:
            lags[pipeline] = max(lags.get(pipeline, 0.0), stage.lag_seconds)
    for pipeline, run in latest.runs.items():
        made.add("pipeline_health", (pipeline,), float(overall(verdicts.get(pipeline, ())) in HEALTHY))
        made.add(f"{PREFIX}run_duration_seconds", (pipeline,), run.seconds)
        made.add(f"{PREFIX}run_timestamp_seconds", (pipeline,), run.at.timestamp())
        if pipeline in lags:
            made.add("cdc_lag_seconds", (pipeline,), lags[pipeline])
    for (pipeline, connector), state in latest.connectors.items():
        made.add("debezium_connector_status", (pipeline, connector), CONNECTOR_STATES.get(state.upper(), 0))


def _counters(made: _Families, latest: Latest) -> None:
    counted: dict[str, Counter[tuple[str, ...]]] = {
        f"{PREFIX}runs": latest.ran,
        "data_validation": latest.said,
        "data_validation_failures": latest.found,
        "checksum_mismatches": latest.changed,
    }
    for name, values in counted.items():
        for labels, number in values.items():
            made.add(name, labels, number)
