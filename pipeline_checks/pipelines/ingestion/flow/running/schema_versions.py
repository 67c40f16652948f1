"""The history of the table's columns: one row a change, written down before the table is altered.

So a worker that dies between the two leaves a row without ``resolved_at``: whether the table has those columns tells
what became of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from pipeline_checks.pipelines.ingestion.flow.engine.model import Column, RunPlan, SchemaChange
from pipeline_checks.pipelines.ingestion.flow.jobs import columns_to
from pipeline_checks.pipelines.ingestion.flow.metadata.tables import Ingestion, SchemaVersion

_NOW = sa.func.clock_timestamp()
MERGED = "auto_merge"


def settle_intent(session: Session, ingestion: Ingestion, plan: RunPlan) -> None:
    """Find out what became of a change that an earlier run wrote down and did not see through."""
    intent = session.scalars(
        sa.select(SchemaVersion).where(SchemaVersion.ingestion_id == ingestion.id, SchemaVersion.resolved_at.is_(None))
    ).one_or_none()
    if intent is None:
        return
    if plan.table is not None and _stored(plan.table.columns) == _plain(intent.schema_json):
        _resolve(session, ingestion, intent)
    else:
        session.delete(intent)
        session.flush()


def intend(session: Session, ingestion: Ingestion, plan: RunPlan) -> None:
    """Write down the changes that the table is about to see; nothing when there are none."""
    if plan.changes:
        _add(session, ingestion, plan.columns, plan.changes)


def changed(session: Session, ingestion: Ingestion) -> None:
    """Write down that the table has been altered."""
    intent = session.scalars(
        sa.select(SchemaVersion).where(SchemaVersion.ingestion_id == ingestion.id, SchemaVersion.resolved_at.is_(None))
    ).one()
    _resolve(session, ingestion, intent)


def observed(session: Session, ingestion: Ingestion, columns: Sequence[Column], files: Sequence[str]) -> None:
    """Write down the columns that a table has: of a new one they are its first, unless an earlier one had others."""
    before = ingestion.table_schema
    if before is None:
        ingestion.table_schema = _stored(columns)
        return
    if _plain(before) == _stored(columns):
        return
    changes = differences(before, columns, tuple(files))
    _resolve(session, ingestion, _add(session, ingestion, columns, changes))


def differences(before: Sequence[dict[str, Any]], after: Sequence[Column], files: tuple[str, ...]) -> list[Any]:
    """Return what is different between the columns of a table that was and those of one that is.

    >>> [c["change_type"] for c in differences([{"name": "a", "data_type": "int"}], [Column("b", "int")], ())]
    ['column_dropped', 'column_added']
    """
    old = {c["name"]: c["data_type"] for c in before}
    new = {c.name: c.data_type for c in after}
    dropped = [_change("column_dropped", n, t, None, files) for n, t in old.items() if n not in new]
    added = [_change("column_added", n, None, t, files) for n, t in new.items() if n not in old]
    retyped = [_change("type_changed", n, old[n], t, files) for n, t in new.items() if n in old and old[n] != t]
    return [*dropped, *added, *retyped]


def _add(session: Session, ingestion: Ingestion, columns: Sequence[Column], changes: Sequence[Any]) -> SchemaVersion:
    stored = [c if isinstance(c, dict) else _from_engine(c) for c in changes]
    new = {c["column_name"] for c in stored if c["change_type"] == "column_added"}
    schema = [{**c, "is_new": c["name"] in new} for c in columns_to(tuple(columns))]
    row = SchemaVersion(
        id=str(uuid4()),
        ingestion_id=ingestion.id,
        version=ingestion.schema_version + 1,
        detected_at=session.execute(sa.select(_NOW)).scalar_one(),
        schema_json=schema,
        changes=[{k: v for k, v in c.items() if k != "files"} for c in stored],
        affected_files=sorted({path for c in stored for path in c["files"]}),
    )
    session.add(row)
    session.flush()
    return row


def _resolve(session: Session, ingestion: Ingestion, row: SchemaVersion) -> None:
    row.resolution_type, row.resolved_by = MERGED, "worker"
    row.resolved_at = session.execute(sa.select(_NOW)).scalar_one()
    ingestion.schema_version = row.version
    ingestion.table_schema = _plain(row.schema_json)
    session.flush()


def _from_engine(change: SchemaChange) -> dict[str, Any]:
    return _change(change.change_type, change.column_name, change.old_type, change.new_type, change.files)


def _change(kind: str, name: str, old: str | None, new: str | None, files: tuple[str, ...]) -> dict[str, Any]:
    return {"change_type": kind, "column_name": name, "old_type": old, "new_type": new, "files": files}


def _stored(columns: Sequence[Column]) -> list[dict[str, Any]]:
    return _plain(columns_to(tuple(columns)))


def _plain(columns: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return columns without the mark of those that were new."""
    return [{k: c[k] for k in ("name", "data_type", "nullable")} for c in columns]
