"""Findings: located pieces of evidence in a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from pipeline_checks.model.position import Position

FindingKind = Literal[
    "missing",
    "unexpected",
    "stale",
    "changed",
    "duplicate",
    "resurrected",
    "out_of_order",
    "gap",
    "schema_drift",
    "null",
    "out_of_range",
    "unaccepted_value",
    "dangling_reference",
    "late",
    "stalled",
    "not_in_dead_letters",
    "torn_transaction",
    "rejected_response",
]
FINDING_KINDS: tuple[str, ...] = get_args(FindingKind)

SchemaDrift = Literal["added", "dropped", "renamed", "retyped", "nullability", "reordered"]
DuplicateClass = Literal["replayed", "snapshot_overlap", "sink_rewrite", "business"]


@dataclass(frozen=True)
class Finding:
    """One located piece of evidence.

    Parameters
    ----------
    kind:
        What is wrong, one of ``FINDING_KINDS``.
    stage:
        The first stage where it went wrong.
    message:
        The finding as a sentence.
    key:
        The key of the row, column to JSON value; None where the finding is not about one row.
    position:
        Where in the stage: an LSN, offsets, a table version, a snapshot.
    detail:
        The finer class: a kind of schema drift or duplicate, a column, a word for what was expected.
    expected, seen:
        JSON values.
    """

    kind: FindingKind
    stage: str
    message: str
    key: Mapping[str, Any] | None = None
    position: Position | None = None
    detail: str | None = None
    expected: Any = None
    seen: Any = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the finding as the report shows it."""
        result: dict[str, Any] = {
            "kind": self.kind,
            "key": None if self.key is None else dict(self.key),
            "stage": self.stage,
            "position": None if self.position is None else self.position.to_json(),
            "expected": self.expected,
            "seen": self.seen,
            "message": self.message,
        }
        if self.detail is not None:
            result["detail"] = self.detail
        return {**result, **self.extra}
