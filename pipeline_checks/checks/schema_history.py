"""What became of a stage's columns since the last run: told by what identifies a column through a rename."""

from __future__ import annotations

from collections.abc import Container, Mapping

from pipeline_checks.checks.schema_promises import PromisedColumn, is_technical
from pipeline_checks.model.schema import Schema, SchemaField
from pipeline_checks.model.stage import StageDeclaration


def renamed_columns(
    stage: StageDeclaration, found: Schema, promised: Container[str], previous: Schema | None
) -> Mapping[str, SchemaField]:
    """Return promised columns that now have another name, which no one promised, by the name they had.

    The field id of a lake, or the attribute number in Postgres, stays the same; where a stage tells none, or no earlier
    run is known, a rename cannot be told from a column dropped and another added.
    """
    if previous is None:
        return {}
    by_id = {field.id: field for field in found.fields if field.id is not None}
    renamed: dict[str, SchemaField] = {}
    for old in previous.fields:
        new = by_id.get(old.id) if old.id is not None else None
        if new is None or old.name not in promised or found.field(old.name) is not None:
            continue
        if new.name not in promised and not is_technical(stage, new.name):
            renamed[old.name] = new
    return renamed


def columns_before(stage: StageDeclaration, previous: Schema | None) -> dict[str, PromisedColumn]:
    """Return the columns of the last run, for a stage of which nothing else is promised."""
    if previous is None:
        return {}
    fields = (f for f in previous.fields if not is_technical(stage, f.name))
    return {f.name: PromisedColumn(f.type, f.nullable) for f in fields}
