"""totals: sums and counts of each group are those of the stage before it, to the last digit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline_checks.checks.judging import conclude, counted, named_key, summary_of
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.finding import Finding, FindingKind
from pipeline_checks.model.measure import Measure
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.totals import OtherTotal, Totals, TotalsDifference, TotalsPromise
from pipeline_checks.model.verdict import Judgement, Verdict


class TotalsCheck:
    """Sums by group against those of another stage; the row that makes a difference is named where rows have keys."""

    kind = "totals"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Every stage with rows whose contract promises it."""
        return stage.holds_rows and bool(stage.contract.promises.get(self.kind))

    def configure(self, stage: StageDeclaration) -> TotalsPromise:
        """Return what is added up; raises ``pydantic.ValidationError`` when it is malformed."""
        return TotalsPromise.model_validate(stage.contract.promises[self.kind])

    def measures(self, stage: StageDeclaration, configuration: TotalsPromise) -> frozenset[Measure]:
        """Return the totals."""
        return frozenset({Totals(configuration)})

    def judge(self, configuration: TotalsPromise, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding a row, or a group where rows have no key, that is not as in the other stage."""
        found: TotalsDifference = evidence[Totals(configuration)]
        sums = ", ".join(f"{name} {value}" for name, value in found.whole.items())
        against = f" as in {found.against}" if found.against else ""
        message = f"{counted(found.groups, 'group')} of {counted(found.rows, 'row')}{against}: {sums}"
        findings = tuple(_finding(evidence, other, found.against) for other in found.differing)
        looked_at = {"rows": found.rows}
        measures = {"groups": found.groups, "rows": found.rows, **{f"total_{n}": v for n, v in found.whole.items()}}
        if evidence.coverage.covers_cut is not True and found.against:
            reason = evidence.coverage.reason or "the stage cannot say what it covers"
            return Judgement(Verdict.UNSETTLED, f"{message}; not compared: {reason}", looked_at, measures)
        if findings:
            message = summary_of(findings)
        return conclude(evidence, message, looked_at, findings=findings, total=found.differing_total, measures=measures)


def _finding(evidence: Evidence, other: OtherTotal, against: str | None) -> Finding:
    name = evidence.stage.name
    kind: FindingKind = "changed"
    if other.key is not None and (other.expected is None or other.seen is None):
        kind = "missing" if other.seen is None else "unexpected"
    key = other.group if other.key is None else other.key
    of_group = "" if other.key is None else f" (of {named_key(other.group)})"
    return Finding(
        kind,
        name,
        f"{named_key(key)}{of_group}: {_told(other.expected)} in {against}, {_told(other.seen)} in {name}",
        key=dict(key),
        position=evidence.position,
        detail="totals",
        expected=None if other.expected is None else dict(other.expected),
        seen=None if other.seen is None else dict(other.seen),
        extra={"group": dict(other.group)},
    )


def _told(values: Mapping[str, Any] | None) -> str:
    return "nothing" if values is None else ", ".join(f"{name} {value}" for name, value in values.items())


CHECK = TotalsCheck()
