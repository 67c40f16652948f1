"""content: the rows of the table are the records of the files that were loaded into it, told by file and line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline_checks.checks.applicability import is_loaded_by_files
from pipeline_checks.checks.judging import NothingToConfigure, conclude, counted, named_key, promise_of, summary_of
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.finding import Finding, FindingKind
from pipeline_checks.model.loading import ChangedLine, ContentDifference, LineRange, LoadedContent
from pipeline_checks.model.measure import KEY_SAMPLE, Measure
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement

CONTENT = LoadedContent()


class ContentCheck:
    """Records and rows as multisets of values: names of fields decide, not their order, and absent is NULL."""

    kind = "content"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Tables whose snapshots say of which file their rows are."""
        return is_loaded_by_files(stage)

    def configure(self, stage: StageDeclaration) -> NothingToConfigure:
        """Return the empty configuration: the files are the promise."""
        return promise_of(stage, self.kind, NothingToConfigure)

    def measures(self, stage: StageDeclaration, configuration: NothingToConfigure) -> frozenset[Measure]:
        """Return the comparison of the rows."""
        return frozenset({CONTENT})

    def judge(self, configuration: NothingToConfigure, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding for lines that are missing, repeated or changed, and rows that no file has."""
        found: ContentDifference = evidence[CONTENT]
        findings = tuple(_findings(evidence, found))
        shown = findings[:KEY_SAMPLE]
        hidden = found.changed_total - len(found.changed) + found.strangers_total - len(found.strangers)
        message = f"{counted(found.rows, 'row')} of {counted(found.files, 'file')}"
        message += " as written there" if not findings else f": {summary_of(findings)}"
        return conclude(
            evidence,
            message,
            {"rows": found.rows, "records": found.expected_rows},
            findings=shown,
            total=len(findings) + hidden if hidden or len(findings) > len(shown) else None,
            doubts=(f"{path} is not there as it was loaded: its rows are not known" for path in found.unread[:3]),
            measures={
                "rows": found.rows,
                "records": found.expected_rows,
                "files": found.files,
                "unread_files": len(found.unread),
                "digest": found.digest,
                "source_digest": found.expected_digest,
                "changed": found.changed_total,
                "unexplained": found.strangers_total,
            },
        )


def _findings(evidence: Evidence, found: ContentDifference) -> Iterator[Finding]:
    for lines in found.missing:
        yield _of_lines(evidence, "missing", lines, "are not in the table", 1, 0)
    for lines in found.repeated:
        yield _of_lines(evidence, "duplicate", lines, f"are in the table {lines.copies} times each", 1, lines.copies)
    for line in found.changed:
        yield _of_changed(evidence, line)
    for row in found.strangers:
        yield _stranger(evidence, row)


def _of_lines(evidence: Evidence, kind: FindingKind, lines: LineRange, what: str, expected: int, seen: int) -> Finding:
    one = lines.first == lines.last
    where = f"line {lines.first}" if one else f"lines {lines.first} to {lines.last}"
    said = what.replace("are ", "is ", 1).replace(" each", "") if one else what
    return Finding(
        kind,
        evidence.stage.name,
        f"{where} of {lines.path} {said}",
        key={"file": lines.path, "first_line": lines.first, "last_line": lines.last},
        position=evidence.position,
        detail="lines",
        expected=expected,
        seen=seen,
        extra={"rows": lines.rows},
    )


def _of_changed(evidence: Evidence, line: ChangedLine) -> Finding:
    told = ", ".join(f"{name} {line.seen.get(name)} instead of {line.expected.get(name)}" for name in line.expected)
    return Finding(
        "changed",
        evidence.stage.name,
        f"line {line.line} of {line.path} ({named_key(line.key)}) has other values in the table: {told}",
        key={"file": line.path, "line": line.line},
        position=evidence.position,
        detail="values",
        expected=dict(line.expected),
        seen=dict(line.seen),
        extra={"row": dict(line.key)},
    )


def _stranger(evidence: Evidence, row: Mapping[str, Any]) -> Finding:
    key = {name: row.get(name) for name in evidence.stage.contract.key} or None
    named = f" ({named_key(key)})" if key else ""
    return Finding(
        "unexpected",
        evidence.stage.name,
        f"a row of the table{named} stands in no file that was loaded",
        key=key,
        position=evidence.position,
        detail="no_file",
        expected=None,
        seen=dict(row),
    )


CHECK = ContentCheck()
