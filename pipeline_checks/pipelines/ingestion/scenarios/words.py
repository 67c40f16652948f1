"""The words in which the expectations of this pipeline are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Final

from pipeline_checks.clients.settings import setting
from pipeline_checks.faults.expectation import Expectation, ExpectedFinding, finding
from pipeline_checks.faults.fault import Fault
from pipeline_checks.faults.injury import Injury
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.pipelines.ingestion.service_client import PREFIX

SOURCE: Final = "source_objects"
METADATA: Final = "ingestion_metadata"
RUNS: Final = "ingestion_runs"
TABLE: Final = "lake_table"
VIEW: Final = "table_api_view"
STAGES: Final = (SOURCE, METADATA, RUNS, TABLE, VIEW)

Findings = Callable[[Injury], Iterable[ExpectedFinding]]
Verdicts = Mapping[tuple[str, str], frozenset[str]]


def path_of(key: str) -> str:
    """Return the path of an object of the source."""
    return f"s3://{setting('INGESTION_SOURCE_BUCKET')}/{key}"


def key_of(name: str) -> str:
    """Return the key of a file of the source."""
    return f"{PREFIX}{name}"


def counted(kind: Any) -> Iterator[ExpectedFinding]:
    """Yield what the number of rows says, at the table and as the API tells of it."""
    yield finding(TABLE, "counts", kind, detail="row_count")
    yield finding(VIEW, "served_table", kind, detail="rows")


def foreign() -> ExpectedFinding:
    """Return the finding of a snapshot that says of no file what it added."""
    return finding(TABLE, "loads", "unexpected", detail="foreign_writer")


def of_file(stage: str, check: str, kind: Any, detail: str, path: str) -> ExpectedFinding:
    """Return a finding about a file."""
    return finding(stage, check, kind, detail=detail, key={"file": path})


def of_lines(kind: Any, path: str, lines: Iterable[int]) -> Iterator[ExpectedFinding]:
    """Yield the findings of ``content`` about lines of a file, one for each stretch of them."""
    for _, group in groupby(enumerate(sorted(lines)), key=lambda pair: pair[1] - pair[0]):
        stretch = [line for _, line in group]
        key = {"file": path, "first_line": stretch[0], "last_line": stretch[-1]}
        yield finding(TABLE, "content", kind, detail="lines", key=key)


def places_of(injury: Injury) -> dict[str, list[int]]:
    """Return the lines of an injury's rows, by the path of their file."""
    found: dict[str, list[int]] = {}
    for path, line in injury.facts["places"]:
        found.setdefault(str(path), []).append(int(line))
    return found


def missing_lines(injury: Injury) -> Iterator[ExpectedFinding]:
    """Yield the lines of an injury as missing."""
    for path, lines in places_of(injury).items():
        yield from of_lines("missing", path, lines)


def repeated(injury: Injury, class_: str) -> Iterator[ExpectedFinding]:
    """Yield the lines of an injury as standing in the table twice, and the keys of their rows."""
    for path, lines in places_of(injury).items():
        yield from of_lines("duplicate", path, lines)
    for key in injury.keys:
        yield finding(TABLE, "duplicates", "duplicate", detail=class_, key=key)


def scenario(fault: Fault, target: str, findings: Findings, verdicts: Verdicts | None = None, **more: Any) -> Scenario:
    """Return a scenario that is alone: what is wrong with one stage is seen at those behind it."""
    return Scenario(
        name=f"{fault.name}__{target}",
        description=f"{fault.description}: {target}",
        fault=fault,
        target=target,
        area=STAGES,
        expects=lambda injury: Expectation(tuple(findings(injury)), dict(verdicts or {})),
        alone=True,
        **more,
    )
