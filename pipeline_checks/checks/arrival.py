"""arrival: no file has been there for long without being loaded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from pydantic import Field

from pipeline_checks.checks.applicability import tells_of_loads
from pipeline_checks.checks.judging import conclude, counted, promise_of, summary_of
from pipeline_checks.checks.load_findings import looked_at, of_file
from pipeline_checks.model.check import CheckConfiguration, Evidence
from pipeline_checks.model.duration import Duration
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.loading import LOADED, SKIPPED, LoadedFacts, LoadFacts, SourceFile
from pipeline_checks.model.measure import KEY_SAMPLE, Measure
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement

FACTS = LoadedFacts()


class ArrivalConfiguration(CheckConfiguration):
    """``arrival: {within: 1h}``: how long a file may be there before it is loaded; one hour by default."""

    within: Annotated[Duration, Field(gt=0)] = 3600.0


class ArrivalCheck:
    """The age of files that are not loaded, by the clock of the store."""

    kind = "arrival"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Ledgers of loads that are made from a source."""
        return tells_of_loads(stage) and bool(stage.from_)

    def configure(self, stage: StageDeclaration) -> ArrivalConfiguration:
        """Return the limit."""
        return promise_of(stage, self.kind, ArrivalConfiguration)

    def measures(self, stage: StageDeclaration, configuration: ArrivalConfiguration) -> frozenset[Measure]:
        """Return what source and ledger tell."""
        return frozenset({FACTS})

    def judge(self, configuration: ArrivalConfiguration, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding a file that has been waiting for too long."""
        facts: LoadFacts = evidence[FACTS]
        ledger = facts.known
        done = {file.version for file in ledger.files if file.status in (LOADED, SKIPPED)}
        waiting = [f for f in facts.source or () if f.version not in done and _is_due(ledger.start, f)]
        ages = sorted(((evidence.now - f.modified).total_seconds() for f in waiting), reverse=True)
        oldest = max(0.0, ages[0]) if ages else 0.0
        findings = tuple(_findings(configuration, evidence, waiting))
        message = f"{counted(len(waiting), 'file waits', 'files wait')}, the oldest for {oldest:,.0f} s"
        return conclude(
            evidence,
            summary_of(findings) if findings else message,
            looked_at(ledger, objects=len(facts.source or ())),
            findings=findings[:KEY_SAMPLE],
            total=len(findings),
            measures={"waiting": len(waiting), "oldest_seconds": round(oldest, 3), "limit": configuration.within},
        )


def _is_due(start: datetime | None, file: SourceFile) -> bool:
    return start is None or file.modified >= start


def _findings(limits: ArrivalConfiguration, evidence: Evidence, waiting: list[SourceFile]) -> Iterator[Finding]:
    for file in sorted(waiting, key=lambda f: f.modified):
        age = (evidence.now - file.modified).total_seconds()
        if age > limits.within:
            message = f"{file.path} came {age:,.0f} s ago and is not loaded, {limits.within:g} s are allowed"
            yield of_file(evidence, "late", file.path, "arrival", message, limits.within, round(age, 3))


CHECK = ArrivalCheck()
