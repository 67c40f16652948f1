"""The loader: ``sales-loader``. Delta silver and the reference files into Postgres, one transaction a load."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Final

import polars as pl
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from pipeline_checks.clients.monitor import serve_monitor
from pipeline_checks.clients.postgres import connect
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError, TransientError
from pipeline_checks.pipelines.sales.flow.columns import arrow_schema
from pipeline_checks.pipelines.sales.flow.loading.changes import changes, newest
from pipeline_checks.pipelines.sales.flow.loading.ddl import create_tables
from pipeline_checks.pipelines.sales.flow.loading.warehouse import Warehouse
from pipeline_checks.pipelines.sales.flow.reading.files import digest
from pipeline_checks.pipelines.sales.flow.reading.reference import read_reference
from pipeline_checks.pipelines.sales.flow.tables import LOADED, RAW, REFERENCES

_log = logging.getLogger("pipeline_checks.pipelines.sales.flow.loader")
_EVERY: Final = 0.2
_AGAIN: Final = 1.0


class Loader:
    """Keeps the raw tables equal to the newest versions of their Delta tables."""

    def __init__(self, url: str, delta: Path, reference: Path) -> None:
        self._url = url
        self._delta = delta
        self._reference = reference
        self._seen: dict[str, tuple[int, int]] = {}
        self._versions: dict[str, int] = {}
        self._message = "starting"
        self._ready = False
        self.stop = threading.Event()
        self.registry = CollectorRegistry()
        self._rows = Counter("sales_loader_rows", "rows written or removed", ["table"], registry=self.registry)
        self._loads = Counter("sales_loader_loads", "loads", ["table"], registry=self.registry)
        self._version = Gauge("sales_loader_delta_version", "version loaded", ["table"], registry=self.registry)
        self._seconds = Histogram("sales_loader_seconds", "time of a load", ["table"], registry=self.registry)

    def health(self) -> dict[str, Any]:
        """Return what the health endpoint answers; ``ready`` when the last look at the tables went well."""
        return {
            "ready": self._ready,
            "status": "running" if self._ready else self._message,
            "message": "" if self._ready else self._message,
            "pid": os.getpid(),
            "versions": dict(self._versions),
        }

    def run(self, *, once: bool = False) -> None:
        """Load until stopped; a database that is away is waited for, everything else is raised."""
        while not self.stop.is_set():
            try:
                self._connected(once)
                return
            except TransientError as problem:
                if once:
                    raise
                self._ready, self._message = False, str(problem)
                _log.warning("%s", problem)
                self.stop.wait(_AGAIN)

    def _connected(self, once: bool) -> None:
        with connect(self._url, application_name="sales_loader") as connection:
            create_tables(connection)
            warehouse = Warehouse(connection)
            self._versions = {n: v for n in LOADED.values() if (v := warehouse.loaded_version(n)) is not None}
            self._seen.clear()
            while not self.stop.is_set():
                self._load_all(warehouse)
                self._ready, self._message = True, ""
                if once:
                    return
                self.stop.wait(_EVERY)

    def _load_all(self, warehouse: Warehouse) -> None:
        for file, table in REFERENCES.items():
            self._load_reference(warehouse, self._reference / file, table)
        for source, table in LOADED.items():
            self._load_delta(warehouse, self._delta / source, table)

    def _load_delta(self, warehouse: Warehouse, source: Path, table: str) -> None:
        open_table, since = newest(str(source)), self._versions.get(table)
        if open_table is None or open_table.version() == since:
            return
        begun, (columns, key) = monotonic(), RAW[table]
        # A table that was made anew begins at version 0 again: it is loaded whole.
        known = since if since is not None and since < open_table.version() else None
        found = changes(open_table, known, [c.name for c in columns], key)
        rows = warehouse.load(table, found, since)
        self._versions[table] = found.version
        self._version.labels(table).set(found.version)
        self._tell(table, rows, monotonic() - begun, f"version {found.version}")

    def _load_reference(self, warehouse: Warehouse, file: Path, table: str) -> None:
        try:
            about = file.stat()
        except FileNotFoundError:
            return
        state = (about.st_mtime_ns, about.st_size)
        if self._seen.get(table) == state:
            return
        sha256 = digest(file)
        if (warehouse.loaded_covers(table) or {}).get(file.name) != sha256:
            begun, columns = monotonic(), RAW[table][0]
            rows = pl.DataFrame(
                read_reference(file, columns),
                schema=dict(pl.from_arrow(arrow_schema(columns).empty_table()).schema),  # type: ignore[union-attr]
            )
            self._tell(table, warehouse.replace(table, rows, {file.name: sha256}), monotonic() - begun, file.name)
        self._seen[table] = state

    def _tell(self, table: str, rows: int, seconds: float, what: str) -> None:
        self._rows.labels(table).inc(rows)
        self._loads.labels(table).inc()
        self._seconds.labels(table).observe(seconds)
        _log.info("%s: %s, %d rows, %.2f s", table, what, rows, seconds)


def main(argv: Sequence[str] | None = None) -> int:
    """Run; 0 when stopped or, with ``--once``, all was loaded; 1 when it cannot go on, 2 for a wrong setting."""
    options = _options(argv)
    logging.basicConfig(level=options.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        loader = Loader(
            options.warehouse or setting("SALES_WAREHOUSE_URL"),
            options.delta_path or Path(setting("SALES_DELTA_PATH")),
            options.reference or Path(setting("SALES_REFERENCE_PATH")),
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: loader.stop.set())
        if options.port is not None:
            serve_monitor(options.port, loader.registry, loader.health)
        loader.run(once=options.once)
    except ConfigurationError as problem:
        _log.error("%s", problem)
        return 2
    except PipelineChecksError as problem:
        _log.error("%s", problem)
        return 1
    except Exception:
        _log.exception("the loader cannot go on")
        return 1
    return 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="sales-loader",
        description="Keep the raw tables of the warehouse equal to Delta silver and the reference files.",
        epilog="Example: sales-loader --once",
    )
    parser.add_argument("--warehouse", help="postgresql:// (SALES_WAREHOUSE_URL)")
    parser.add_argument("--delta-path", type=Path, help="folder of the Delta tables (SALES_DELTA_PATH)")
    parser.add_argument("--reference", type=Path, help="folder of the reference files (SALES_REFERENCE_PATH)")
    parser.add_argument("--port", type=int, help="answer /health and /metrics there")
    parser.add_argument("--once", action="store_true", help="load what is there, then end")
    parser.add_argument("--log-level", choices=("DEBUG", "INFO", "WARNING", "ERROR"), default="INFO")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
