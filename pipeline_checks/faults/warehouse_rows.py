"""Faults of tables of a warehouse: rows lost, doubled or changed behind the back of those who write them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from psycopg import sql

from pipeline_checks.clients.postgres import connect, translated
from pipeline_checks.clients.settings import resolve
from pipeline_checks.faults.fault import Target
from pipeline_checks.faults.injury import Injury
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.kinds import WAREHOUSE_KINDS
from pipeline_checks.values.json_values import to_json_value

Effect = Literal["gone", "again", "instead"]


@dataclass(frozen=True)
class WarehouseRows:
    """One row of a table of a warehouse is removed, written a second time, or gets another value.

    Parameters
    ----------
    which:
        A condition in SQL of the rows that may be chosen; the one in the middle of them by its key is.
    column, value:
        What gets which value (an expression in SQL), for the effect ``instead``.
    """

    name: str
    description: str
    effect: Effect
    which: str = "true"
    column: str = ""
    value: str = ""

    def acts_on(self, target: Target) -> bool:
        """Whether the target is such a table."""
        return target.is_stage and target.stage.kind in WAREHOUSE_KINDS

    def plan(self, target: Target) -> Injury:
        """Return the row; raises TerminalError when there is none that fits."""
        table, key = _table(target), target.stage.contract.key
        order = sql.SQL(", ").join(map(sql.Identifier, key))
        statement = sql.SQL("SELECT row_to_json(t)::text, {} FROM {} t WHERE {} ORDER BY {}").format(
            order,
            table,
            sql.SQL(self.which),
            order,
        )
        with connect(_url(target)) as connection, translated(f"choosing a row of {target.name}"):
            rows = connection.execute(statement).fetchall()
        if not rows:
            raise TerminalError(f"{target.name} has no row that could be damaged so.", next_step="Seed more rows.")
        text, *values = rows[len(rows) // 2]
        told = {name: to_json_value(value) for name, value in zip(key, values, strict=True)}
        what = f"{self.description} ({target.name})"
        facts: dict[str, Any] = {"row": json.loads(text), "column": self.column}
        return Injury(self.name, target.pipeline.name, target.name, what, (told,), facts, {"row": text})

    def act(self, target: Target, injury: Injury) -> Injury:
        """Do it."""
        table = _table(target)
        with connect(_url(target)) as connection, translated(f"damaging {target.name}"):
            if self.effect == "again":
                connection.execute(*_insertion(table, injury))
            elif self.effect == "gone":
                connection.execute(*_deletion(target, injury))
            else:
                where, values = _chosen(target, injury)
                connection.execute(
                    sql.SQL("UPDATE {} SET {} = {} WHERE {}").format(
                        table,
                        sql.Identifier(self.column),
                        sql.SQL(self.value),
                        where,
                    ),
                    values,
                )
        return injury

    def undo(self, target: Target, injury: Injury) -> None:
        """Put the row back as it was."""
        with connect(_url(target), autocommit=False) as connection, translated(f"repairing {target.name}"):
            connection.execute(*_deletion(target, injury))
            connection.execute(*_insertion(_table(target), injury))
            connection.commit()


def _url(target: Target) -> str:
    declared: Any = target.stage  # of a kind among WAREHOUSE_KINDS, which have a connection
    return resolve(declared.connection.url)


def _table(target: Target) -> sql.Identifier:
    declared: Any = target.stage
    return sql.Identifier(*declared.schema_and_table)


def _chosen(target: Target, injury: Injury) -> tuple[sql.Composed, list[Any]]:
    key = injury.keys[0]
    parts = (sql.SQL("{}::text IS NOT DISTINCT FROM %s").format(sql.Identifier(name)) for name in key)
    return sql.SQL(" AND ").join(parts), [None if v is None else str(v) for v in key.values()]


def _deletion(target: Target, injury: Injury) -> tuple[sql.Composed, list[Any]]:
    where, values = _chosen(target, injury)
    return sql.SQL("DELETE FROM {} WHERE {}").format(_table(target), where), values


def _insertion(table: sql.Identifier, injury: Injury) -> tuple[sql.Composed, list[Any]]:
    # The row as text, so that no number passes through a floating point type.
    statement = sql.SQL("INSERT INTO {} SELECT (json_populate_record(NULL::{}, %s::json)).*").format(table, table)
    return statement, [injury.undo["row"]]
