"""throughput: a topic gets at least so many records a second, by the times of its records."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline_checks.checks.applicability import is_topic
from pipeline_checks.checks.judging import conclude, counted, promise_of
from pipeline_checks.model.check import CheckConfiguration, Evidence
from pipeline_checks.model.conservation import Rates, RateSample
from pipeline_checks.model.duration import Duration
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.measure import Measure
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement, Verdict


class ThroughputConfiguration(CheckConfiguration):
    """``throughput: {at_least: 100, window: 10m, least: 100}``.

    ``at_least``: records a second, between the first and the last record of the ``window`` before now (1 hour by
    default). ``least``: of fewer records nothing can be said; 100 by default.
    """

    at_least: Annotated[float, Field(gt=0)]
    window: Annotated[Duration, Field(gt=0)] = 3600.0
    least: Annotated[int, Field(strict=True, ge=2)] = 100


class ThroughputCheck:
    """Records a second against a limit."""

    kind = "throughput"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Topics whose contract promises it."""
        return is_topic(stage) and bool(stage.contract.promises.get(self.kind))

    def configure(self, stage: StageDeclaration) -> ThroughputConfiguration:
        """Return the limit."""
        return promise_of(stage, self.kind, ThroughputConfiguration)

    def measures(self, stage: StageDeclaration, configuration: ThroughputConfiguration) -> frozenset[Measure]:
        """Return the records of the window."""
        return frozenset({Rates(configuration.window)})

    def judge(self, configuration: ThroughputConfiguration, evidence: Evidence) -> Judgement:
        """Return FAIL when there are fewer a second, WARN when there are too few records to tell."""
        sample: RateSample = evidence[Rates(configuration.window)]
        if sample.records < configuration.least or sample.seconds <= 0:
            message = f"no data: {counted(sample.records, 'record')} in the last {configuration.window:g} s"
            message += f", {configuration.least} are needed"
            return Judgement(Verdict.WARN, message, {"records": sample.records}, {"records": sample.records})
        rate = (sample.records - 1) / sample.seconds
        message = f"{rate:,.1f} records a second, by {counted(sample.records, 'record')} in {sample.seconds:.1f} s"
        findings = []
        if rate < configuration.at_least:
            findings.append(
                Finding(
                    "late",
                    evidence.stage.name,
                    f"{evidence.stage.name} got {rate:,.1f} records a second, {configuration.at_least:g} are promised",
                    position=evidence.position,
                    detail="throughput",
                    expected=configuration.at_least,
                    seen=round(rate, 3),
                )
            )
        return conclude(
            evidence,
            message,
            {"records": sample.records},
            findings=findings,
            measures={"records": sample.records, "records_a_second": round(rate, 3), "seconds": sample.seconds},
        )


CHECK = ThroughputCheck()
