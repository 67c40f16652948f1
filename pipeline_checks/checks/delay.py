"""delay: how long each row was under way, by instants that stand in it, against limits."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline_checks.checks.judging import conclude, counted, named_key, promise_of
from pipeline_checks.model.check import CheckConfiguration, Evidence
from pipeline_checks.model.delays import Delays, DelaySample
from pipeline_checks.model.duration import Duration
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.measure import Measure
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement

_Limit = Annotated[Duration, Field(gt=0)]


class DelayConfiguration(CheckConfiguration):
    """``delay: {seconds: epoch(arrived_at) - epoch(sent_at), p95: 5s, max: 60s}``.

    ``seconds``: a SQL expression over a row. ``p95``: a warning when 95 of 100 rows are not faster; ``max``: a finding
    when the slowest is not. With ``window`` only rows are judged whose instant ``at`` lies so little back.
    """

    seconds: str
    p95: _Limit | None = None
    max: _Limit | None = None
    at: str | None = None
    window: _Limit | None = None


class DelayCheck:
    """Seconds under way of each row: p95 and maximum against limits, and none that arrived before it was sent."""

    kind = "delay"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Every stage with rows whose contract promises it."""
        return stage.holds_rows and bool(stage.contract.promises.get(self.kind))

    def configure(self, stage: StageDeclaration) -> DelayConfiguration:
        """Return the limits."""
        return promise_of(stage, self.kind, DelayConfiguration)

    def measures(self, stage: StageDeclaration, configuration: DelayConfiguration) -> frozenset[Measure]:
        """Return how long the rows took."""
        return frozenset({Delays(configuration.seconds, configuration.at, configuration.window)})

    def judge(self, configuration: DelayConfiguration, evidence: Evidence) -> Judgement:
        """Return FAIL when the slowest row is too slow or one arrived before it was sent, WARN when p95 is."""
        sample: DelaySample = evidence[Delays(configuration.seconds, configuration.at, configuration.window)]
        looked_at = {"rows": sample.rows}
        measures = {"p50_seconds": sample.p50, "p95_seconds": sample.p95, "max_seconds": sample.longest}
        if sample.p95 is None or sample.longest is None:
            return conclude(evidence, "no row tells how long it took", looked_at, measures=measures)
        message = f"{counted(sample.rows, 'row')}: p95 {sample.p95:.3f} s, max {sample.longest:.3f} s"
        findings, doubts = [], []
        name = evidence.stage.name
        if configuration.max is not None and sample.longest > configuration.max:
            told = f"{named_key(sample.slowest)} took {sample.longest:.1f} s, {configuration.max:g} s are promised"
            limit, took = f"<= {configuration.max:g}", round(sample.longest, 3)
            findings.append(Finding("late", name, told, dict(sample.slowest), evidence.position, "delay", limit, took))
        if sample.early:
            told = f"{counted(sample.early, 'row')} of {name} arrived before they were sent"
            findings.append(
                Finding("out_of_order", name, told, position=evidence.position, detail="early", seen=sample.early)
            )
        if configuration.p95 is not None and sample.p95 > configuration.p95:
            doubts.append(f"p95 is over {configuration.p95:g} s")
        return conclude(evidence, message, looked_at, findings=findings, doubts=doubts, measures=measures)


CHECK = DelayCheck()
