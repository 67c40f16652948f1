"""freshness: the newest data of a source is young enough by the clock; a later stage keeps up with its upstream."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from pydantic import Field

from pipeline_checks.checks.applicability import is_ledger, is_source
from pipeline_checks.checks.falling_behind import falling_behind
from pipeline_checks.checks.judging import as_json, conclude, inexact, promise_of
from pipeline_checks.model.check import CheckConfiguration, Evidence
from pipeline_checks.model.duration import Duration
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.measure import Coverage, Facts, Maximum, Measure, RowCount
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement, Verdict

LEDGER = Facts("ledger")


class FreshnessConfiguration(CheckConfiguration):
    """``freshness: {within: 10m, skew: 5m}``.

    ``within``: how old the newest event time of a source may be, and how far a later stage may be behind; no limit by
    default, apart from the stage's ``lag_limit``. ``skew``: how far in the future an event time may lie, as clocks
    differ; 5 minutes by default.
    """

    within: Annotated[Duration, Field(gt=0)] | None = None
    skew: Annotated[Duration, Field(ge=0)] = 300.0


class FreshnessCheck:
    """Data time at the source by the clock; lag at every later stage, so that an idle source makes no one late."""

    kind = "freshness"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Every stage that holds rows."""
        return stage.holds_rows

    def configure(self, stage: StageDeclaration) -> FreshnessConfiguration:
        """Return the limits; raises ConfigurationError when a source has a limit and no event time to hold it to."""
        limits = promise_of(stage, self.kind, FreshnessConfiguration)
        if limits.within is not None and is_source(stage) and stage.contract.event_time is None:
            raise ConfigurationError(
                f"{stage.name} promises freshness within {limits.within:g} s and has no event time",
                next_step="Name the column with event_time:, or take the limit away.",
                path=("freshness", "within"),
            )
        return limits

    def measures(self, stage: StageDeclaration, configuration: FreshnessConfiguration) -> frozenset[Measure]:
        """Return the rows, how far the stage is, and the greatest event time where the contract names the column."""
        wanted: set[Measure] = {RowCount(), Coverage()}
        if stage.contract.event_time is not None:
            wanted.add(Maximum(stage.contract.event_time))
        if is_ledger(stage):
            wanted.add(LEDGER)
        return frozenset(wanted)

    def judge(self, configuration: FreshnessConfiguration, evidence: Evidence) -> Judgement:
        """Return the judgement by the clock at a source, by the cut behind it."""
        return _by_clock(configuration, evidence) if is_source(evidence.stage) else _by_cut(configuration, evidence)


def _by_clock(limits: FreshnessConfiguration, evidence: Evidence) -> Judgement:
    newest = _newest(evidence)
    age = None if newest is None else (evidence.now - newest).total_seconds()
    rows = evidence[RowCount()] or 0
    said = "no event time in any row" if newest is None else f"the newest event is {_seconds(age)} old"
    if age is not None and age < 0:
        said = f"the newest event lies {_seconds(-age)} in the future"
    if limits.within is None:
        said += ", no limit is declared"
    findings = tuple(_clock_findings(limits, evidence, newest))
    if findings and _is_idle(evidence) and all(f.detail == "too_old" for f in findings):
        # Nothing new has been made, so that nothing can be late.
        message = f"{said}, and the feed is idle"
        return Judgement(
            Verdict.UNSETTLED, message, {"rows": rows}, {**_measures(evidence, newest), "age_seconds": age}
        )
    doubts = [*_inexact_event_time(evidence)]
    if limits.within is not None and newest is None:
        doubts.append(f"the limit of {_seconds(limits.within)} could not be judged")
    return conclude(
        evidence,
        said,
        {"rows": rows},
        findings=findings,
        doubts=doubts,
        measures={**_measures(evidence, newest), "age_seconds": age},
    )


def _is_idle(evidence: Evidence) -> bool:
    ledger = evidence[LEDGER] if is_ledger(evidence.stage) else None
    return ledger is not None and bool(ledger.get("idle"))


def _clock_findings(limits: FreshnessConfiguration, evidence: Evidence, newest: datetime | None) -> Iterator[Finding]:
    if newest is None:
        return
    name, position, now = evidence.stage.name, evidence.position, evidence.now
    if limits.within is not None and newest < now - timedelta(seconds=limits.within):
        oldest_allowed = now - timedelta(seconds=limits.within)
        message = f"the newest event of {name} is {_seconds((now - newest).total_seconds())} old, at most "
        message += f"{_seconds(limits.within)} are promised"
        yield Finding(
            "late", name, message, position=position, detail="too_old",
            expected=f">= {oldest_allowed.isoformat()}", seen=newest.isoformat(),
        )  # fmt: skip
    if newest > now + timedelta(seconds=limits.skew):
        latest_allowed = now + timedelta(seconds=limits.skew)
        message = f"an event of {name} lies {_seconds((newest - now).total_seconds())} in the future"
        yield Finding(
            "out_of_range", name, message, position=position, detail="future",
            expected=f"<= {latest_allowed.isoformat()}", seen=newest.isoformat(),
        )  # fmt: skip


def _by_cut(limits: FreshnessConfiguration, evidence: Evidence) -> Judgement:
    state = evidence.coverage
    rows = evidence[RowCount()] or 0
    looked_at = {"rows": rows, "events": state.events}
    measures = {**_measures(evidence, _newest(evidence)), "waited_seconds": state.waited_seconds}
    behind = falling_behind(evidence, limits.within)
    if state.covers_cut is False and not behind:
        lag = "" if state.lag_seconds is None else f", {_seconds(state.lag_seconds)} behind"
        message = f"not settled{lag}: {state.reason or 'it does not cover the cut'}"
        return Judgement(Verdict.UNSETTLED, message, looked_at, measures)
    message = "it holds everything of the cut"
    doubts = [*_inexact_event_time(evidence)]
    if behind:
        message = behind[0].message
    elif state.covers_cut is None:
        message = "its lag is not known"
        doubts.append(state.reason or "it cannot say what it covers")
    return conclude(evidence, message, looked_at, findings=behind, doubts=doubts, measures=measures)


def _measures(evidence: Evidence, newest: datetime | None) -> dict[str, Any]:
    return {"lag_seconds": evidence.coverage.lag_seconds, "newest_event_time": as_json(newest)}


def _inexact_event_time(evidence: Evidence) -> Iterator[str]:
    column = evidence.stage.contract.event_time
    if column is not None:
        yield from inexact(evidence, (Maximum(column),), "the newest event time")


def _newest(evidence: Evidence) -> datetime | None:
    """The greatest event time as an instant. A time without zone is taken as UTC, a date as its midnight."""
    column = evidence.stage.contract.event_time
    value = None if column is None else evidence[Maximum(column)]
    if value is None:
        return None
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime):
        raise ConfigurationError(
            f"event_time {column!r} of {evidence.stage.name} holds {type(value).__name__}, not times",
            next_step="Name a column of type timestamp, timestamptz or date.",
        )
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return "unknown"
    return f"{seconds:.1f} s" if seconds < 120 else str(timedelta(seconds=round(seconds)))


CHECK = FreshnessCheck()
