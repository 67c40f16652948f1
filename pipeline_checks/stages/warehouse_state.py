"""What a warehouse tells of itself in one snapshot: the newest load of each table, and the newest run of dbt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from psycopg import sql

if TYPE_CHECKING:
    from pipeline_checks.stages.postgres_snapshot import Snapshot


@dataclass(frozen=True)
class Load:
    """The newest load of a table: its number, the version of its origin (None where that is files), and when."""

    table: str
    id: int
    version: int | None
    rows: int
    at: datetime


@dataclass(frozen=True)
class DbtRun:
    """The newest run of dbt that built every model, and the number of the load that it saw of each table.

    ``error`` is what stopped a later run, empty when there is none.
    """

    id: str
    finished_at: datetime
    loads: Mapping[str, int] = field(default_factory=dict)
    error: str = ""


def loads_of(snapshot: Snapshot, table: str) -> dict[str, Load]:
    """Return the newest load of each table by its name, from the table of loads (``schema.table``)."""
    rows = snapshot.query(
        sql.SQL(
            "SELECT DISTINCT ON (table_name) table_name, load_id, delta_version, loaded_rows, loaded_at FROM {}"
            " ORDER BY table_name, load_id DESC"
        ).format(_identifier(table)),
        what=f"reading {table}",
    )
    return {str(row[0]): Load(*row) for row in rows}


def load_of(loads: Mapping[str, Load], table: str) -> Load | None:
    """Return the newest load of a table that is named with its schema, as loads name it with or without."""
    return loads.get(table) or loads.get(table.partition(".")[2])


def newest_run(snapshot: Snapshot, table: str) -> DbtRun | None:
    """Return the newest run of dbt that built, from the table of runs (``schema.table``); None before the first.

    A warehouse without that table has had no run.
    """
    runs = _identifier(table)
    if snapshot.query("SELECT to_regclass(%s)", (runs.as_string(None),), what=f"reading {table}")[0][0] is None:
        return None
    rows = snapshot.query(
        sql.SQL("SELECT run_id, finished_at, built, loads, error FROM {} ORDER BY finished_at DESC LIMIT 50").format(
            runs
        ),
        what=f"reading {table}",
    )
    built = next((row for row in rows if row[2]), None)
    if built is None:
        return None
    run_id, finished_at, _, loads, _ = built
    told = json.loads(loads) if isinstance(loads, str) else loads or {}
    numbers = {str(name): int(one["load_id"]) for name, one in told.items()}
    newest = rows[0]
    return DbtRun(str(run_id), finished_at, numbers, "" if newest[2] else str(newest[4] or "a model was not built"))


def test_results(snapshot: Snapshot, table: str, run: str, model: str) -> list[dict[str, Any]]:
    """Return what the tests of a run found about a model: test, severity, status, failures and message of each."""
    names = ("test", "severity", "status", "failures", "message")
    rows = snapshot.query(
        sql.SQL("SELECT {} FROM {} WHERE run_id = {} AND model = {} ORDER BY test").format(
            sql.SQL(", ").join(map(sql.Identifier, names)), _identifier(table), sql.Literal(run), sql.Literal(model)
        ),
        what=f"reading {table}",
    )
    return [dict(zip(names, row, strict=True)) for row in rows]


def unseen(run: DbtRun | None, loads: Mapping[str, Load]) -> str:
    """Return why a run has not seen every load of the warehouse; empty when it has."""
    if run is None:
        return "dbt has not built the models yet"
    seen = {name.rpartition(".")[2]: number for name, number in run.loads.items()}
    for name, load in sorted(loads.items()):
        if seen.get(name.rpartition(".")[2]) != load.id:
            failed = f"; its last run failed: {run.error}" if run.error else ""
            return f"dbt has not run since {name} was loaded at {load.at.isoformat()}{failed}"
    return ""


def _identifier(table: str) -> sql.Identifier:
    return sql.Identifier(*table.split("."))
