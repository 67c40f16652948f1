"""reconcile: every row of the stage has, value by value, what the stages before it say that it must have.

Rows that are missing or should not be there are told by ``counts``, second rows of one key by ``duplicates``.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline_checks.checks.applicability import is_comparable_when_behind, is_reconcilable
from pipeline_checks.checks.judging import NothingToConfigure, conclude, counted, named_key, promise_of
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.measure import ChangedRow, Measure, RowComparison, RowDifference, Step
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement, Verdict


class ReconcileCheck:
    """Row by row comparison at the cut, with the first stage where a row went wrong."""

    kind = "reconcile"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Every stage with a key whose rows come from a topic, a source or a table, one for one."""
        return is_reconcilable(stage)

    def configure(self, stage: StageDeclaration) -> NothingToConfigure:
        """Return the empty configuration: the columns of the contract are the promise."""
        return promise_of(stage, self.kind, NothingToConfigure)

    def measures(self, stage: StageDeclaration, configuration: NothingToConfigure) -> frozenset[Measure]:
        """Return the comparison of rows."""
        return frozenset({RowComparison()} if stage.contract.key else ())

    def judge(self, configuration: NothingToConfigure, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding a row that has changed on the way."""
        if not evidence.stage.contract.key:
            reason = "its contract says that nothing identifies a row (`key: []`), so rows cannot be set against others"
            return Judgement(Verdict.WARN, f"not compared: {reason}")
        difference: RowDifference = evidence[RowComparison()]
        looked_at = {"rows": difference.rows}
        measures = {
            "rows": difference.rows,
            "columns": len(difference.columns),
            "changed": difference.changed_total,
            "unknown_rows": difference.unknown_rows,
            "touched_rows": difference.touched_rows,
            "against": list(difference.against),
        }
        rows = f"{counted(difference.rows, 'row')} of {counted(len(difference.columns), 'column')}"
        against = f" with {' and '.join(difference.against)}" if difference.against else ""
        covers = evidence.coverage.covers_cut
        if covers is not True and not (covers is False and is_comparable_when_behind(evidence.stage)):
            reason = evidence.coverage.reason or "the stage does not cover the cut"
            return Judgement(Verdict.UNSETTLED, f"{rows}, not compared: {reason}", looked_at, measures)
        changed = f"{difference.changed_total:,} changed" if difference.changed_total else "all equal"
        touched = f", {difference.touched_rows:,} left out, changed since" if difference.touched_rows else ""
        return conclude(
            evidence,
            f"{rows} compared{against}, {changed}{touched}",
            looked_at,
            findings=tuple(_finding(evidence, row) for row in difference.changed),
            total=max(difference.changed_total, len(difference.changed)),
            doubts=_doubts(difference),
            measures=measures,
        )


def _finding(evidence: Evidence, row: ChangedRow) -> Finding:
    name = evidence.stage.name
    kind = "an earlier state" if row.is_stale else "other values"
    journey = "; ".join(_told(step) for step in row.steps)
    return Finding(
        "stale" if row.is_stale else "changed",
        row.stage,
        f"{named_key(row.key)} has {kind} in {name} ({', '.join(row.seen)}): {journey} - first wrong at {row.stage}",
        key=row.key,
        position=row.position or evidence.position,
        expected=dict(row.expected),
        seen=dict(row.seen),
        extra={
            "columns": list(row.seen),
            "journey": [
                {
                    "stage": step.stage,
                    "position": None if step.position is None else step.position.to_json(),
                    "values": None if step.values is None else dict(step.values),
                }
                for step in row.steps
            ],
        }
        | ({"files": list(row.files)} if row.files else {})
        | ({} if row.stage == name else {"seen_at": name}),
    )


def _told(step: Step) -> str:
    if step.values is None:
        return f"{step.stage} no row"
    at = "" if step.position is None else f" at {step.position.value()}"
    return f"{step.stage}{at} {', '.join(str(v) for v in step.values.values())}"


def _doubts(difference: RowDifference) -> Iterator[str]:
    if not difference.columns:
        yield "no columns are promised: write them under `contract.columns`"
    for column, reason in difference.skipped.items():
        yield f"column {column} is not compared: {reason}"
    if difference.unknown_rows:
        yield f"of {counted(difference.unknown_rows, 'event')} the topic does not have all values"


CHECK = ReconcileCheck()
