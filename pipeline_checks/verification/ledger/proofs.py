"""Proofs: up to which positions a stage was found to agree, row by row, with another."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from pipeline_checks.model.measure import Grade
from pipeline_checks.verification.ledger.tables import PROOFS

Json = dict[str, Any]
"""A position or a cut as reports show it."""


@dataclass(frozen=True)
class Proof:
    """That every row of ``stage`` agrees with ``upstream``, as far as the positions say.

    Parameters
    ----------
    upstream_position, position:
        Where both stood.
    covers:
        The offsets up to which the stage held the events of its topic, None where no topic feeds it.
    cut:
        The cut at which it was proved.
    rows:
        Rows that agreed.
    promise:
        A digest of what was compared: with another contract the proof says nothing.
    identity:
        What table, topic or database it was: one that was made anew under the same name is another.
    sweep:
        Which slice of the keys was compared in full besides those that had been touched, ``{"slice", "of"}``; None
        when all keys were.
    """

    upstream: str
    stage: str
    upstream_position: Json | None
    position: Json
    covers: Json | None
    cut: Json | None
    rows: int
    promise: str
    identity: str
    sweep: Json | None = None
    grade: Grade = Grade.EXACT
    at: datetime | None = None

    def row(self) -> dict[str, Any]:
        """Return the proof as a row of the ledger, without its run."""
        return {
            "upstream": self.upstream,
            "stage": self.stage,
            "upstream_position": self.upstream_position,
            "position": self.position,
            "covers": self.covers,
            "cut": self.cut,
            "grade": str(self.grade),
            "rows": self.rows,
            "promise": self.promise,
            "identity": self.identity,
            "sweep": self.sweep,
        }


def last_proof(connection: sa.Connection, pipeline: str, upstream: str, stage: str) -> Proof | None:
    """Return the newest proof about a pair of stages, None when nothing was proved yet."""
    found = connection.execute(
        sa.select(PROOFS)
        .where(PROOFS.c.pipeline == pipeline, PROOFS.c.upstream == upstream, PROOFS.c.stage == stage)
        .order_by(PROOFS.c.at.desc())
        .limit(1)
    ).one_or_none()
    return None if found is None else _proof(found)


def last_proofs(connection: sa.Connection, pipeline: str) -> list[Proof]:
    """Return the newest proof of every pair of stages of a pipeline, by name."""
    ranked = sa.func.row_number().over(partition_by=(PROOFS.c.upstream, PROOFS.c.stage), order_by=PROOFS.c.at.desc())
    numbered = sa.select(PROOFS, ranked.label("age")).where(PROOFS.c.pipeline == pipeline).subquery()
    newest = sa.select(numbered).where(numbered.c.age == 1).order_by(numbered.c.stage, numbered.c.upstream)
    return [_proof(row) for row in connection.execute(newest)]


def _proof(row: sa.Row[Any]) -> Proof:
    return Proof(
        upstream=row.upstream,
        stage=row.stage,
        upstream_position=row.upstream_position,
        position=row.position,
        covers=row.covers,
        cut=row.cut,
        rows=row.rows,
        promise=row.promise,
        identity=row.identity,
        sweep=row.sweep,
        grade=Grade(row.grade),
        at=row.at,
    )
