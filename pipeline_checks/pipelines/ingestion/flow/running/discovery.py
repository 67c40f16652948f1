"""What a run has to do: the files that were listed, set against those that are known. It decides and does nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from pipeline_checks.pipelines.ingestion.flow.engine.model import FileVersion
from pipeline_checks.pipelines.ingestion.flow.running.closing import CHANGED

MOST_RETRIES: Final = 3
"""How often a file that failed is tried again by itself; then only when somebody asks."""
DONE: Final = ("SUCCESS", "SKIPPED")


@dataclass(frozen=True)
class Known:
    """A version of a file as it is recorded."""

    id: str
    run_id: str | None
    version: FileVersion
    status: str
    error_type: str | None
    retry_count: int
    last_seen: datetime
    replaced: bool


@dataclass(frozen=True)
class Task:
    """A version to load; ``old`` is the one that it takes the place of, ``known`` its own record where it has one."""

    file: FileVersion
    known: Known | None = None
    old: Known | None = None


@dataclass
class Decision:
    """What a run has to do.

    Parameters
    ----------
    load:
        Versions to load, in the order of the listing.
    report:
        Versions of files that were changed under their path and are not loaded.
    moved:
        Records whose version was seen with a newer time of modification.
    skipped:
        How many listed versions need nothing.
    """

    load: list[Task] = field(default_factory=list)
    report: list[Task] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    skipped: int = 0


def decide(
    listed: Iterable[FileVersion],
    known: Iterable[Known],
    *,
    on_change: str,
    run_id: str,
    only: Collection[str] | None = None,
) -> Decision:
    """Return what is to be done.

    Parameters
    ----------
    listed:
        What lies in the source, in the order in which it is to be loaded.
    known:
        All records of the ingestion.
    on_change:
        ``report``, ``append`` or ``replace``: what is done with another version of a file that is loaded.
    run_id:
        The run; what it has done itself, before its worker was stopped, is neither skipped nor done again.
    only:
        Ids of records to try again, however often they failed; None takes everything that is not loaded.
    """
    records = list(known)
    versions = {(k.version.path, k.version.etag, k.version.size): k for k in records}
    loaded = {k.version.path: k for k in sorted(records, key=_age) if k.status == "SUCCESS" and not k.replaced}
    decision = Decision()
    for file in listed:
        record = versions.get((file.path, file.etag, file.size))
        if record is not None and _seen_newer(record, file):
            decision.moved.append(record.id)
        if record is not None and record.run_id == run_id and record.status in (*DONE, "FAILED"):
            continue
        if record is not None and record.status in DONE and not record.replaced:
            decision.skipped += 1
            continue
        if only is not None and (record is None or record.id not in only):
            decision.skipped += 1
            continue
        old = loaded.get(file.path)
        if record is not None and record.status == "FAILED" and only is None and _left_alone(record, old, on_change):
            decision.skipped += 1
        elif old is not None and on_change == "report":
            decision.report.append(Task(file, record, old))
        else:
            decision.load.append(Task(file, record, old if on_change == "replace" else None))
    return decision


def since(files: Iterable[FileVersion], start: datetime | None) -> list[FileVersion]:
    """Leave out what was modified before the ingestion begins; without a start nothing."""
    return [f for f in files if start is None or f.modified >= start]


def _left_alone(record: Known, old: Known | None, on_change: str) -> bool:
    """Whether a version that failed waits for somebody: it was tried often enough, or only reported as changed."""
    reported = record.error_type == CHANGED and old is not None and on_change == "report"
    return reported or record.retry_count >= MOST_RETRIES


def _seen_newer(record: Known, file: FileVersion) -> bool:
    return file.modified > record.version.modified and file.modified > record.last_seen


def _age(record: Known) -> datetime:
    """Return when a version was last seen written: of two loaded ones of a path the later is the present one."""
    return record.version.modified
