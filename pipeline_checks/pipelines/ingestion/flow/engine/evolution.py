"""Judges the files of a run against the table: what it will have, which files bring that, and which are refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql.types import StructType

from pipeline_checks.pipelines.ingestion.flow.engine.errors import EngineError
from pipeline_checks.pipelines.ingestion.flow.engine.merging import (
    Conflict,
    Difference,
    differences,
    merge,
    normalized,
    settled,
    type_at,
)
from pipeline_checks.pipelines.ingestion.flow.engine.model import FileVersion, SchemaChange
from pipeline_checks.pipelines.ingestion.flow.engine.type_names import quoted, type_name


@dataclass(frozen=True)
class Judgement:
    """What the table will have, what of that is altered, and the files that it cannot take, by path."""

    schema: StructType
    changes: tuple[SchemaChange, ...]
    refused: Mapping[str, EngineError]


def judge(
    held: StructType | None,
    files: Sequence[tuple[FileVersion, StructType]],
    *,
    evolution_enabled: bool,
    by_name: bool,
) -> Judgement:
    """Merge what the files hold, in their order, into what the table has.

    Parameters
    ----------
    held:
        The table's columns, or those given by hand; None where it is created from the files.
    evolution_enabled:
        Whether a file may change ``held``.
    by_name:
        Whether a new table has its columns by name, rather than in the order of the files.
    """
    schema = held if held is not None else StructType([])
    refused: dict[str, EngineError] = {}
    taken: list[tuple[FileVersion, StructType]] = []
    for file, brought in files:
        try:
            merged = merge(schema, held, _normalized_row(brought))
        except Conflict as conflict:
            refused[file.path] = _incompatible(file, conflict)
            continue
        if held is not None and not evolution_enabled and (new := differences(held, settled(merged, by_name=False))):
            refused[file.path] = _disabled(file, new[0])
            continue
        schema = merged
        taken.append((file, brought))
    schema = settled(schema, by_name=by_name and held is None)
    changed = differences(held, schema) if held is not None else []
    return Judgement(schema, tuple(_change(one, taken) for one in changed), refused)


def _normalized_row(brought: StructType) -> StructType:
    row = normalized(brought)
    assert isinstance(row, StructType)
    return row


def _change(one: Difference, files: Iterable[tuple[FileVersion, StructType]]) -> SchemaChange:
    found = [(f.path, type_at(s, one.path)) for f, s in files]
    brought = [path for path, kind in found if kind is not None and (one.old is None or kind != one.old)]
    return SchemaChange(
        change_type="column_added" if one.old is None else "type_widened",
        column_name=".".join(one.path),
        old_type=None if one.old is None else type_name(one.old),
        new_type=type_name(one.new),
        files=tuple(brought),
    )


def _incompatible(file: FileVersion, conflict: Conflict) -> EngineError:
    column = ".".join(conflict.path)
    return EngineError(
        "SCHEMA_INCOMPATIBLE",
        f"{file.path}: column {column!r}: {conflict}.",
        next_step="Correct the file and put it back, or load it into another table.",
        column=column,
        old_type=conflict.old or None,
        new_type=conflict.new,
    )


def _disabled(file: FileVersion, new: Difference) -> EngineError:
    column = ".".join(new.path)
    what = "is new" if new.old is None else f"would become {type_name(new.new)}"
    return EngineError(
        "SCHEMA_EVOLUTION_DISABLED",
        f"{file.path}: column {column!r} {what}, and the columns of the table may not change.",
        next_step="Allow it by format.schema.evolution_enabled, or take the column out of the file.",
        column=column,
        old_type=None if new.old is None else type_name(new.old),
        new_type=type_name(new.new),
    )


def alterations(table: str, before: StructType, after: StructType) -> list[str]:
    """Return the statements that make one table's columns those of ``after``; ``table`` is quoted already."""
    found = differences(before, after)
    added = [f"{_place(d)} {type_name(d.new, quote=True)}" for d in found if d.old is None]
    statements = [f"ALTER TABLE {table} ADD COLUMNS ({', '.join(added)})"] if added else []
    widened = [d for d in found if d.old is not None]
    return statements + [f"ALTER TABLE {table} ALTER COLUMN {_place(d)} TYPE {type_name(d.new)}" for d in widened]


def _place(one: Difference) -> str:
    return ".".join(quoted(part) for part in one.path)
