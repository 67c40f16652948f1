"""The tables in which a service keeps what it knows of its loads, read at one consistent moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.loading import FileLoad, Loads
from pipeline_checks.stages.load_words import file_of, instant, run_file_of, run_of, schema_of
from pipeline_checks.stages.postgres_snapshot import Snapshot

if TYPE_CHECKING:
    from datetime import datetime


def read_loads(url: str, namespace: str, name: str, lease: float) -> tuple[int, Loads]:
    """Return the place in the server's log, and what the tables tell of the ingestion called ``name``.

    Raises TerminalError when there is none of that name, or more than one.
    """
    snapshot = Snapshot(url)
    try:
        asked = _Asked(snapshot, namespace)
        found = asked.rows("ingestions", "name", name)
        if len(found) != 1:
            many = "no ingestion" if not found else f"more than one ingestion ({', '.join(i['id'] for i in found)})"
            raise TerminalError(
                f"there is {many} called {name!r}.",
                next_step="Make one by POST /api/v1/ingestions." if not found else "Give them names of their own.",
                absent=not found,
            )
        return snapshot.lsn, _loads(asked, found[0], lease)
    finally:
        snapshot.close()


def _loads(asked: _Asked, ingestion: dict[str, Any], lease: float) -> Loads:
    identity = ingestion["id"]
    runs = asked.rows("runs", "ingestion_id", identity)
    known = {run["id"] for run in runs}
    run_files = [row for row in asked.of_runs(identity) if row["run_id"] in known]
    schemas = sorted(asked.rows("schema_versions", "ingestion_id", identity), key=lambda row: int(row["version"]))
    dropped = [instant(row["requested_at"]) for row in asked.rows("refreshes", "ingestion_id", identity) if _drops(row)]
    start = instant(ingestion.get("backfill_start_date")) if ingestion.get("backfill_enabled") else None
    return Loads(
        ingestion_id=identity,
        taken_at=asked.moment(),
        runs=tuple(sorted((run_of(run, lease) for run in runs), key=lambda run: (run.started_at, run.id))),
        files=tuple(sorted(map(file_of, asked.rows("processed_files", "ingestion_id", identity)), key=_place)),
        run_files=tuple(map(run_file_of, run_files)),
        schema_version=int(ingestion.get("schema_version") or 1),
        schemas=tuple(map(schema_of, schemas)),
        refreshed_at=max((moment for moment in dropped if moment is not None), default=None),
        start=start,
    )


def _drops(refresh: dict[str, Any]) -> bool:
    """Whether a refresh has dropped the table. No run goes on between asking for it and the drop."""
    done = refresh.get("operations") or ()
    return any(one.get("operation") == "table_dropped" and one.get("status") == "success" for one in done)


def _place(file: FileLoad) -> tuple[str, str, int]:
    return file.version


class _Asked:
    """Questions to one snapshot; a row comes as a document, so that columns may be added to the tables."""

    def __init__(self, snapshot: Snapshot, namespace: str) -> None:
        self._snapshot = snapshot
        self._namespace = namespace

    def rows(self, table: str, column: str, value: str) -> list[dict[str, Any]]:
        from psycopg import sql

        statement = sql.SQL("SELECT to_jsonb(t) FROM {} t WHERE t.{} = %s").format(
            sql.Identifier(self._namespace, table), sql.Identifier(column)
        )
        return [row[0] for row in self._snapshot.query(statement, (value,), what=f"reading the table {table}")]

    def of_runs(self, ingestion: str) -> list[dict[str, Any]]:
        from psycopg import sql

        statement = sql.SQL(
            "SELECT to_jsonb(t) FROM {} t JOIN {} r ON r.id = t.run_id WHERE r.ingestion_id = %s"
        ).format(sql.Identifier(self._namespace, "run_files"), sql.Identifier(self._namespace, "runs"))
        return [row[0] for row in self._snapshot.query(statement, (ingestion,), what="reading the table run_files")]

    def moment(self) -> datetime:
        rows = self._snapshot.query("SELECT transaction_timestamp()", what="reading the time of the snapshot")
        found = instant(rows[0][0])
        assert found is not None  # a query without a table gives one row
        return found
