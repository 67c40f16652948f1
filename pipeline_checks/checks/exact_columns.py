"""exact_columns: each column has just the promised type and nullability; not a wider one, as ``schema`` allows."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline_checks.checks.judging import NothingToConfigure, conclude, counted, inexact, promise_of, summary_of
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.finding import Finding, SchemaDrift
from pipeline_checks.model.measure import Grade, Measure, StageSchema
from pipeline_checks.model.schema import Schema
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement


class ExactColumnsCheck:
    """Type, precision and nullability of the promised columns that are there; ``schema`` tells of the others."""

    kind = "exact_columns"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Every stage with rows whose contract promises it."""
        promised = stage.contract.promises.get(self.kind) is not None
        return promised and stage.holds_rows and bool(stage.contract.columns)

    def configure(self, stage: StageDeclaration) -> NothingToConfigure:
        """Return the empty configuration: the columns of the contract are the promise."""
        return promise_of(stage, self.kind, NothingToConfigure)

    def measures(self, stage: StageDeclaration, configuration: NothingToConfigure) -> frozenset[Measure]:
        """Return the schema."""
        return frozenset({StageSchema()})

    def judge(self, configuration: NothingToConfigure, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding a column of another type or nullability."""
        found: Schema = evidence[StageSchema()]
        if evidence.grade(StageSchema()) is Grade.UNKNOWN:
            return conclude(evidence, "its columns are not known", {"columns": 0}, doubts=("nothing tells of them",))
        compared = [f for f in found.fields if f.name in evidence.stage.contract.columns]
        findings = tuple(_differing(evidence, found))
        message = f"{counted(len(compared), 'column')} of just the promised types"
        return conclude(
            evidence,
            summary_of(findings) if findings else message,
            {"columns": len(compared)},
            findings=findings,
            doubts=inexact(evidence, (StageSchema(),), "the schema"),
            measures={"columns": len(compared), "drifted": len(findings)},
        )


def _differing(evidence: Evidence, found: Schema) -> Iterator[Finding]:
    for field in found.fields:
        promised = evidence.stage.contract.columns.get(field.name)
        if promised is None:
            continue
        if promised.type != field.type:
            yield _drift(evidence, "retyped", field.name, str(promised.type), str(field.type))
        if promised.nullable != field.nullable:
            yield _drift(evidence, "nullability", field.name, _word(promised.nullable), _word(field.nullable))


def _word(nullable: bool) -> str:
    return "nullable" if nullable else "not null"


def _drift(evidence: Evidence, detail: SchemaDrift, column: str, expected: str, seen: str) -> Finding:
    return Finding(
        "schema_drift",
        evidence.stage.name,
        f"column {column} is {seen}, {expected} is promised",
        position=evidence.position,
        detail=detail,
        expected=expected,
        seen=seen,
        extra={"column": column},
    )


CHECK = ExactColumnsCheck()
