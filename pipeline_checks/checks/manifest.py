"""manifest: files are whole, are those that were promised, and arrived in time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import Field

from pipeline_checks.checks.judging import conclude, counted, promise_of, summary_of
from pipeline_checks.model.check import CheckConfiguration, Evidence
from pipeline_checks.model.duration import Duration
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.kinds import OBJECT_KINDS, ORIGIN_KINDS
from pipeline_checks.model.measure import Facts, Measure
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement

FILES = Facts("files")
_FUTURE = timedelta(minutes=5)


class PromisedFile(CheckConfiguration):
    """One file: its ``sha256`` and the ``lines`` that it has, the one with the names of the columns among them."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    lines: Annotated[int, Field(strict=True, ge=1)] | None = None


class ManifestConfiguration(CheckConfiguration):
    """``manifest: {files: {customers.csv: {sha256: ..., lines: 7044}}, arrived_within: 1d}``.

    ``files``: those that must be there, by name; any may be there where none is named. ``arrived_within``: how long ago
    the newest of them may have been written; no limit by default.
    """

    files: dict[str, PromisedFile] = Field(default_factory=dict)
    arrived_within: Annotated[Duration, Field(gt=0)] | None = None


class ManifestCheck:
    """The files that are there: whole, the promised ones, young enough."""

    kind = "manifest"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Every stage of files."""
        return stage.kind in ORIGIN_KINDS | OBJECT_KINDS

    def configure(self, stage: StageDeclaration) -> ManifestConfiguration:
        """Return what is promised of the files."""
        return promise_of(stage, self.kind, ManifestConfiguration)

    def measures(self, stage: StageDeclaration, configuration: ManifestConfiguration) -> frozenset[Measure]:
        """Return the files."""
        return frozenset({FILES})

    def judge(self, configuration: ManifestConfiguration, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding a file that is missing, cut off, changed, or late."""
        files: Sequence[Mapping[str, Any]] = evidence[FILES]
        findings = tuple(_findings(configuration, evidence, files))
        newest = max((str(f["modified"]) for f in files), default=None)
        size = sum(int(f["size"]) for f in files)
        message = f"{counted(len(files), 'file')}, {counted(size, 'byte')}, the newest of {newest}"
        return conclude(
            evidence,
            summary_of(findings) if findings else message,
            {"files": len(files)},
            findings=findings,
            doubts=_malformed(files),
            measures={"files": len(files), "bytes": size, "lines": sum(int(f["lines"]) for f in files)},
        )


def _findings(
    limits: ManifestConfiguration, evidence: Evidence, files: Sequence[Mapping[str, Any]]
) -> Iterator[Finding]:
    there = {str(f["name"]): f for f in files}
    for name in limits.files.keys() - there.keys():
        yield _finding(evidence, "missing", name, "file", f"the file {name} is not there", 1, 0)
    for name, file in there.items():
        promised = limits.files.get(name)
        if limits.files and promised is None:
            yield _finding(evidence, "unexpected", name, "file", f"the file {name} is promised by no one", 0, 1)
            continue
        if not file["is_ended"]:
            message = f"the file {name} is cut off: its last line has no end"
            yield _finding(evidence, "gap", name, "truncated", message, "an end of line", None)
        if promised is None:
            continue
        lines = int(file["lines"]) + (0 if file["is_ended"] else 1)
        if promised.lines is not None and lines != promised.lines:
            kind = "missing" if lines < promised.lines else "unexpected"
            message = f"the file {name} has {lines:,} lines, {promised.lines:,} are promised"
            yield _finding(evidence, kind, name, "lines", message, promised.lines, lines)
        if promised.sha256 is not None and file["digest"] != promised.sha256:
            message = f"the file {name} is not the one that is promised"
            yield _finding(evidence, "changed", name, "sha256", message, promised.sha256, file["digest"])
    yield from _by_clock(limits, evidence, files)


def _malformed(files: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for file in files:
        if number := int(file.get("malformed", 0)):
            lines = counted(number, "line is no record", "lines are no records")
            yield f"in {file['name']} {lines}, the first is line {file['first_malformed']}"


def _by_clock(
    limits: ManifestConfiguration, evidence: Evidence, files: Sequence[Mapping[str, Any]]
) -> Iterator[Finding]:
    times = [datetime.fromisoformat(str(f["modified"])) for f in files]
    if not times:
        return
    age = (evidence.now - max(times)).total_seconds()
    if limits.arrived_within is not None and age > limits.arrived_within:
        message = f"the newest file is {age:,.0f} s old, at most {limits.arrived_within:,g} s are promised"
        yield _finding(evidence, "late", None, "arrival", message, limits.arrived_within, round(age, 3))
    if max(times) > evidence.now + _FUTURE:
        message = f"a file was written {-age:,.0f} s in the future"
        yield _finding(evidence, "out_of_range", None, "future", message, None, max(times).isoformat())


def _finding(
    evidence: Evidence, kind: Any, name: str | None, detail: str, message: str, expected: Any, seen: Any
) -> Finding:
    return Finding(
        kind,
        evidence.stage.name,
        message,
        key=None if name is None else {"file": name},
        position=evidence.position,
        detail=detail,
        expected=expected,
        seen=seen,
    )


CHECK = ManifestCheck()
