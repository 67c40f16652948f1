"""What the service has written down is changed behind its back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline_checks.clients.object_store import ObjectStore
from pipeline_checks.clients.postgres import connect, translated
from pipeline_checks.clients.settings import setting
from pipeline_checks.faults.expectation import ExpectedFinding, finding
from pipeline_checks.faults.fault import Target
from pipeline_checks.faults.injury import Injury
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.pipelines.ingestion.scenarios.words import (
    METADATA,
    TABLE,
    counted,
    key_of,
    of_file,
    path_of,
    scenario,
)
from pipeline_checks.pipelines.ingestion.service_client import NAME

FILE = key_of("batch_0.json")

Change = Callable[[Mapping[str, Any]], Mapping[str, Any] | None]
"""Makes of a row the columns that change; None takes the row away."""


@dataclass(frozen=True)
class ChangedRow:
    """One row of the ledger is another, or gone: that of the first file, or of the run that loaded it."""

    name: str
    description: str
    table: str
    change: Change

    def acts_on(self, target: Target) -> bool:
        """Whether the target is the ledger."""
        return target.is_stage and target.stage.kind == "load_ledger"

    def plan(self, target: Target) -> Injury:
        """Return the row as it is."""
        row = _row(self.table)
        facts = {
            "path": path_of(FILE),
            "run": _row("runs")["id"],
            "records": _row("processed_files")["records_ingested"],
        }
        what = f"{self.description} ({self.table} {row['id']})"
        return Injury(self.name, target.pipeline.name, target.name, what, facts=facts, undo={"row": row})

    def act(self, target: Target, injury: Injury) -> Injury:
        """Change it."""
        row = injury.undo["row"]
        changed = self.change(row)
        _remove(self.table, row["id"]) if changed is None else _put(self.table, {**row, **changed})
        return injury

    def undo(self, target: Target, injury: Injury) -> None:
        """Put back what was there."""
        _put(self.table, injury.undo["row"])


UNMARKED = ChangedRow("unmarked_file", "It is forgotten that a file was loaded", "processed_files", lambda row: None)
MISCOUNTED = ChangedRow(
    "miscounted_file",
    "A file counts with one record more",
    "processed_files",
    lambda row: {"records_ingested": row["records_ingested"] + 1},
)
BYTES = ChangedRow(
    "bytes_off", "A file counts with fewer bytes", "processed_files", lambda row: {"bytes_read": row["bytes_read"] - 1}
)
HALF_DONE = ChangedRow(
    "half_done_file", "A file is left as being loaded", "processed_files", lambda row: {"status": "PROCESSING"}
)
RUN_TOTAL = ChangedRow(
    "run_total_off",
    "A run counts with more records",
    "runs",
    lambda row: {"records_ingested": row["records_ingested"] + 5},
)
RUN_STATE = ChangedRow("run_state_off", "A run counts as partial", "runs", lambda row: {"status": "partial"})


@dataclass(frozen=True)
class MarkedUnloaded:
    """A file counts as loaded of which nothing was written: the mark came before the rows."""

    name: str
    description: str

    def acts_on(self, target: Target) -> bool:
        """Whether the target is the ledger."""
        return target.is_stage and target.stage.kind == "load_ledger"

    def plan(self, target: Target) -> Injury:
        """Return what will be written down."""
        from pipeline_checks.pipelines.ingestion.scenarios.objects import FAR
        from pipeline_checks.pipelines.ingestion.seed.source import lines

        key = key_of("marked.json")
        facts = {"path": path_of(key), "key": key, "content": lines(range(FAR, FAR + 4)).decode()}
        return Injury(self.name, target.pipeline.name, target.name, self.description, facts=facts)

    def act(self, target: Target, injury: Injury) -> Injury:
        """Write the object, and down that it was loaded."""
        store, bucket = ObjectStore(), setting("INGESTION_SOURCE_BUCKET")
        try:
            content = str(injury.facts["content"]).encode()
            etag = store.write(bucket, str(injury.facts["key"]), content)
        finally:
            store.close()
        row = _row("processed_files")
        told = {"id": f"marked-{injury.id}", "file_path": injury.facts["path"], "file_etag": etag, "run_id": None}
        size = {"file_size_bytes": len(content), "bytes_read": len(content), "records_ingested": 4, "snapshot_id": None}
        _put("processed_files", {**row, **told, **size})
        return injury

    def undo(self, target: Target, injury: Injury) -> None:
        """Forget it."""
        _remove("processed_files", f"marked-{injury.id}")
        store = ObjectStore()
        try:
            store.remove(setting("INGESTION_SOURCE_BUCKET"), str(injury.facts["key"]))
        finally:
            store.close()


MARKED = MarkedUnloaded("marked_unloaded", "A file counts as loaded of which nothing was written")


def ledgers() -> Iterator[Scenario]:
    """Yield the scenarios."""
    yield scenario(UNMARKED, METADATA, _unmarked)
    yield scenario(MARKED, METADATA, _marked)
    yield scenario(MISCOUNTED, METADATA, _miscounted)
    yield scenario(HALF_DONE, METADATA, _half_done)
    yield scenario(BYTES, METADATA, lambda i: [_left(i), of_file(METADATA, "bytes", "changed", "bytes_read", _path(i))])
    yield scenario(RUN_TOTAL, METADATA, lambda i: [_of_run(i, "records_ingested")])
    yield scenario(RUN_STATE, METADATA, lambda i: [_of_run(i, "status")])


def _path(injury: Injury) -> str:
    return str(injury.facts["path"])


def _of_run(injury: Injury, detail: str) -> ExpectedFinding:
    return finding(METADATA, "run_totals", "changed", detail=detail, key={"run": injury.facts["run"]})


def _left(injury: Injury) -> ExpectedFinding:
    """The file is not told as its run left it."""
    return of_file(METADATA, "run_totals", "changed", "file", _path(injury))


def _unmarked(injury: Injury) -> Iterator[ExpectedFinding]:
    yield of_file(METADATA, "discovery", "missing", "passed_over", _path(injury))
    yield of_file(TABLE, "loads", "unexpected", "not_in_ledger", _path(injury))
    yield from counted("unexpected")


def _marked(injury: Injury) -> Iterator[ExpectedFinding]:
    yield of_file(TABLE, "loads", "missing", "no_snapshot", _path(injury))
    key = {"file": _path(injury), "first_line": 1, "last_line": 4}
    yield finding(TABLE, "content", "missing", detail="lines", key=key)
    yield from counted("missing")


def _miscounted(injury: Injury) -> Iterator[ExpectedFinding]:
    yield _left(injury)
    yield of_file(TABLE, "loads", "unexpected", "records", _path(injury))
    yield of_file(TABLE, "loads", "changed", "snapshot", _path(injury))
    yield from counted("missing")


def _half_done(injury: Injury) -> Iterator[ExpectedFinding]:
    yield of_file(METADATA, "leases", "stalled", "processing", _path(injury))
    yield of_file(TABLE, "loads", "unexpected", "not_in_ledger", _path(injury))
    yield from counted("unexpected")


def _row(table: str) -> dict[str, Any]:
    """Return the row of the first file, or of the run that loaded it."""
    from psycopg import sql

    of_file_ = "SELECT to_jsonb(f) FROM processed_files f JOIN ingestions i ON i.id = f.ingestion_id WHERE i.name = %s"
    with connect(setting("INGESTION_DATABASE_URL")) as connection, translated("reading what was loaded"):
        found = connection.execute(f"{of_file_} AND f.file_path = %s AND f.status = 'SUCCESS'", (NAME, path_of(FILE)))
        file: Any = found.fetchone()
        if file is None:
            raise TerminalError(f"{FILE} was not loaded.", next_step="Seed some files first.")
        if table == "processed_files":
            return dict(file[0])
        statement = sql.SQL("SELECT to_jsonb(t) FROM {} t WHERE id = %s").format(sql.Identifier(table))
        row: Any = connection.execute(statement, (file[0]["run_id"],)).fetchone()
        return dict(row[0])


def _put(table: str, row: Mapping[str, Any]) -> None:
    """Write a row as it stands in a document; one of its id is changed, so that what refers to it stays."""
    from psycopg import sql

    columns = sql.SQL(", ").join(map(sql.Identifier, row))
    changed = sql.SQL(", ").join(sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(name)) for name in row)
    statement = sql.SQL(
        "INSERT INTO {0} ({1}) SELECT {1} FROM jsonb_populate_record(NULL::{0}, %s::jsonb)"
        " ON CONFLICT (id) DO UPDATE SET {2}"
    ).format(sql.Identifier(table), columns, changed)
    with connect(setting("INGESTION_DATABASE_URL")) as connection, translated(f"changing {table}"):
        connection.execute(statement, (json.dumps(dict(row)),))


def _remove(table: str, identity: str) -> None:
    from psycopg import sql

    statement = sql.SQL("DELETE FROM {} WHERE id = %s").format(sql.Identifier(table))
    with connect(setting("INGESTION_DATABASE_URL")) as connection, translated(f"changing {table}"):
        connection.execute(statement, (identity,))
