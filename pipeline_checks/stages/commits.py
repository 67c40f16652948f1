"""Commits of a table as its history tells them: what they cover, whether they changed data, who may have made them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from pipeline_checks.model.position import OffsetsPosition, Position

MAINTENANCE = "maintenance"
"""The word under which a commit says that it only tidied up (compaction, expiry)."""

RETAINED_COMMITS = 10_000
"""How many of the newest commits are looked at."""


class CommitMetadata(BaseModel):
    """The table says what it covers in the metadata of its commits, under this name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    commit_metadata: str


class LoadProperties(BaseModel):
    """Properties of the snapshot that adds the rows of one file: the file's path and etag, who loaded it in which run.

    A snapshot of another ``ingestion`` adds rows that are not looked at.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = "source-path"
    etag: str = "source-etag"
    ingestion: str = "ingestion-id"
    run: str = "run-id"


class FilesCovered(BaseModel):
    """The table says in the summary of each snapshot of which file its rows are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    files: LoadProperties


CoversDeclaration = CommitMetadata | Literal["none"]
"""How a table says what it covers of the topics that feed it."""

Mode = Literal["current", "changes", "dead_letters"]
"""What a row stands for: a key, an event, or a malformed record."""


@dataclass(frozen=True)
class Commit:
    """One commit of a table.

    ``version`` is the version of a Delta table or the id of an Iceberg snapshot; ``operation`` the word of the writer.
    ``covers`` are the offsets up to which the table holds the events of its topics, None when the commit does not say.
    ``maintenance`` is the word of a commit that only tidied up. ``changes_data`` says whether rows were added or
    removed other than by rewriting the same rows; ``is_first`` whether the table was made by this commit, so that
    nothing before it has been expired.
    """

    version: int
    position: Position
    timestamp: datetime
    operation: str
    covers: OffsetsPosition | None
    maintenance: str | None
    changes_data: bool
    is_first: bool

    def facts(self) -> dict[str, Any]:
        """Return the commit as ``Facts("commits")`` lists it, ``covers`` as topic to partition to next offset."""
        return {
            "version": self.version,
            "position": self.position,
            "timestamp": self.timestamp.isoformat(),
            "operation": self.operation,
            "covers": None if self.covers is None else self.covers.value(),
            "maintenance": self.maintenance,
            "changes_data": self.changes_data,
            "is_first": self.is_first,
        }


def parse_covers(value: Any) -> OffsetsPosition | None:
    """Return the offsets written as JSON text or mapping, topic to partition to next offset; None when it is neither.

    >>> parse_covers('{"shop.customers": {"0": 12}}').value()
    {'shop.customers': {'0': 12}}
    """
    if isinstance(value, str | bytes):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    if not isinstance(value, Mapping):
        return None
    try:
        return OffsetsPosition.of({str(t): {int(p): int(o) for p, o in parts.items()} for t, parts in value.items()})
    except (AttributeError, TypeError, ValueError):
        return None


def newest_covers(newest_first: Iterable[Commit]) -> Commit | None:
    """Return the newest commit that says what the table covers; None when no retained commit does."""
    return next((commit for commit in newest_first if commit.covers is not None), None)
