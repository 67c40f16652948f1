"""Faults of a source: writes that its connector does not see, since the table is not in the publication meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from pipeline_checks.faults.fault import Target
from pipeline_checks.faults.injury import Injury
from pipeline_checks.faults.source_rows import SourceRows
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.stages.registry import open_stage

Write = Literal["insert", "update", "delete"]
_ROWS = 2
_FAR = 100_000


def publication_of(pipeline: Pipeline, source: str) -> str:
    """Return the publication by which a table is captured; raises TerminalError when no stage declares one."""
    for stage in pipeline.stages:
        name = getattr(stage, "publication", None)
        if name and source in stage.from_:
            return str(name)
    raise TerminalError(f"no connector of {source} declares its publication.", next_step="Declare `publication`.")


@dataclass(frozen=True)
class UnseenWrite:
    """Rows are written while the table is out of the publication."""

    name: str
    description: str
    write: Write

    def acts_on(self, target: Target) -> bool:
        """Whether the target is a captured table with a key of one column."""
        return target.is_stage and target.stage.kind == "postgres_table" and len(target.stage.contract.key) == 1

    def plan(self, target: Target) -> Injury:
        """Choose the rows."""
        source = SourceRows(target.stage)
        known = source.keys()
        if len(known) < 2 * _ROWS:
            raise TerminalError(f"{target.name} has too few rows.", next_step="Seed some rows first.")
        chosen = [known[len(known) // 2 + n] for n in range(_ROWS)]
        keys, undo = chosen, {"rows": source.rows(chosen)}
        if self.write == "insert":
            (column,) = source.key
            keys = [{column: known[-1][column] + _FAR + n} for n in range(_ROWS)]
        what = f"{self.description} ({len(keys)} of {target.name})"
        return Injury(self.name, target.pipeline.name, target.name, what, tuple(keys), undo=undo)

    def act(self, target: Target, injury: Injury) -> Injury:
        """Write them unseen."""
        source, rows = SourceRows(target.stage), injury.undo["rows"]
        column = _text_column(target) if self.write == "update" else ""

        def write() -> None:
            if self.write == "insert":
                source.insert([{**row, **key} for row, key in zip(rows, injury.keys, strict=True)])
            elif self.write == "update":
                source.set(injury.keys, column, "unseen")
            else:
                source.delete(injury.keys)

        _unseen(target, source, write)
        return replace(injury, facts={"column": column, "whole": _topics_are_whole(target)})

    def undo(self, target: Target, injury: Injury) -> None:
        """Let the connector see what it has not seen, and bring the rows back."""
        source, rows = SourceRows(target.stage), injury.undo["rows"]
        known = source.keys()
        there = {tuple(k.values()) for k in known}
        if self.write == "insert":
            source.touch([k for k in injury.keys if tuple(k.values()) in there])
            source.delete(injury.keys)
        elif self.write == "update":
            for row, key in zip(rows, injury.keys, strict=True):
                source.set([key], injury.facts["column"], row[injury.facts["column"]])
        else:
            source.insert([r for r, k in zip(rows, injury.keys, strict=True) if tuple(k.values()) not in there])


def _unseen(target: Target, source: SourceRows, write: Callable[[], None]) -> None:
    alter_publication(target, source, "DROP")
    try:
        write()
    finally:
        alter_publication(target, source, "ADD")


def _topics_are_whole(target: Target) -> bool:
    """Whether nothing of the topics that tell of the table has expired: else it is not known what they never had."""
    lows: list[int] = []
    for stage in target.pipeline.stages:
        if target.name in stage.from_ and stage.kind == "debezium_topic":
            reader = open_stage(stage)
            try:
                lows += (reader.reached().detail.get("low_watermarks") or {}).values()
            finally:
                reader.close()
    return not any(lows)


def alter_publication(target: Target, source: SourceRows, word: Literal["ADD", "DROP"]) -> None:
    """Put the table into the publication, or take it out; no error when that is so already."""
    from psycopg import errors, sql

    name = sql.Identifier(publication_of(target.pipeline, source.stage.name))
    statement = sql.SQL(f"ALTER PUBLICATION {{}} {word} TABLE {{}}").format(name, source.identifier())
    with source.open() as connection:
        try:
            connection.execute(statement)
        except (errors.DuplicateObject, errors.UndefinedObject):
            pass  # a fault that is undone twice


@dataclass(frozen=True)
class Unpublished:
    """A table is taken out of the publication."""

    name: str
    description: str

    def acts_on(self, target: Target) -> bool:
        """Whether the target is a captured table."""
        return target.is_stage and target.stage.kind == "postgres_table"

    def plan(self, target: Target) -> Injury:
        """Return what will be done."""
        publication = publication_of(target.pipeline, target.name)
        what = f"{self.description} ({target.name}, {publication})"
        return Injury(self.name, target.pipeline.name, target.name, what, facts={"publication": publication})

    def act(self, target: Target, injury: Injury) -> Injury:
        """Take it out."""
        alter_publication(target, SourceRows(target.stage), "DROP")
        return injury

    def undo(self, target: Target, injury: Injury) -> None:
        """Put it back."""
        alter_publication(target, SourceRows(target.stage), "ADD")


def _text_column(target: Target) -> str:
    columns: dict[str, Any] = dict(target.stage.contract.columns)
    for name, column in columns.items():
        if column.type.family == "string" and not {"accepted"} & set(column.promises):
            return name
    raise TerminalError(f"{target.name} has no column of text.", next_step="Choose another table.")
