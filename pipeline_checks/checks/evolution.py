"""evolution: the table has the fields of all files that were loaded, and NULL where a file does not have one."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline_checks.checks.applicability import is_loaded_by_files
from pipeline_checks.checks.judging import NothingToConfigure, conclude, counted, promise_of, summary_of
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.fields import holds
from pipeline_checks.model.finding import Finding, FindingKind
from pipeline_checks.model.loading import ContentDifference, FieldDifference, LoadedContent
from pipeline_checks.model.measure import Measure
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement

CONTENT = LoadedContent()


class EvolutionCheck:
    """Fields by name: added ones are there, types hold every value, NULLs are those of the older files."""

    kind = "evolution"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Tables whose snapshots say of which file their rows are."""
        return is_loaded_by_files(stage)

    def configure(self, stage: StageDeclaration) -> NothingToConfigure:
        """Return the empty configuration: the fields of the files are the promise."""
        return promise_of(stage, self.kind, NothingToConfigure)

    def measures(self, stage: StageDeclaration, configuration: NothingToConfigure) -> frozenset[Measure]:
        """Return the comparison of files and table."""
        return frozenset({CONTENT})

    def judge(self, configuration: NothingToConfigure, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding a field that is not as the files need it."""
        found: ContentDifference = evidence[CONTENT]
        findings = tuple(f for field in found.fields for f in _findings(evidence, field, whole=not found.unread))
        compared = sum(1 for field in found.fields if field.expected is not None and field.found is not None)
        message = f"{counted(compared, 'field')} as in {counted(found.files, 'file')}"
        added = {f.name: f.nulls for f in found.fields if f.nulls}
        doubts = []
        if found.unread:
            doubts.append(f"{counted(len(found.unread), 'file')} of unknown fields")
        return conclude(
            evidence,
            summary_of(findings) if findings else message,
            {"fields": len(found.fields)},
            findings=findings,
            doubts=doubts,
            measures={"fields": compared, "nulls": added, "drifted": len(findings)},
        )


def _findings(evidence: Evidence, field: FieldDifference, *, whole: bool) -> Iterator[Finding]:
    name = field.name
    by = f" by {field.brought_by}" if field.brought_by else ""
    if field.found is None:
        message = f"the field {name} ({field.expected}), brought{by}, is not in the table"
        yield _finding(evidence, "schema_drift", field, "dropped", message, str(field.expected), None)
    elif field.expected is None:
        # An older file that is gone may have had it.
        if whole:
            message = f"the table has a field {name} ({field.found}) that no file has"
            yield _finding(evidence, "schema_drift", field, "added", message, None, str(field.found))
    elif field.expected.is_mixed:
        message = f"the field {name} has values of types that cannot be held together"
        yield _finding(evidence, "schema_drift", field, "mixed", message, str(field.found), str(field.expected))
    elif not holds(field.found, field.expected):
        message = f"the field {name} is {field.found} in the table, files need {field.expected}"
        yield _finding(evidence, "schema_drift", field, "retyped", message, str(field.expected), str(field.found))
    elif field.nulls is not None and field.nulls != field.absent:
        message = f"the field {name} is NULL in {counted(field.nulls, 'row')}, {field.absent:,} records do not have it"
        yield _finding(evidence, "null", field, "nulls", message, field.absent, field.nulls)


def _finding(
    evidence: Evidence,
    kind: FindingKind,
    field: FieldDifference,
    detail: str,
    message: str,
    expected: str | int | None,
    seen: str | int | None,
) -> Finding:
    return Finding(
        kind,
        evidence.stage.name,
        message,
        key={"field": field.name},
        position=evidence.position,
        detail=detail,
        expected=expected,
        seen=seen,
        extra={"column": field.name},
    )


CHECK = EvolutionCheck()
