"""The table at its snapshots: the newest one followed, older ones opened when they are asked for."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from pipeline_checks.clients.lake import translated
from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.pipelines.market_data.flow.serving.errors import ApiError, instant, unavailable
from pipeline_checks.pipelines.market_data.flow.serving.files import DataFile, FileRows, data_files
from pipeline_checks.pipelines.market_data.flow.table.covers import Covers, newest

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot

    from pipeline_checks.pipelines.market_data.flow.metrics import Metrics

_log = logging.getLogger(__name__)
_POLL: Final = 0.2
_KEPT: Final = 16
_REMEMBERED: Final = 5000


@dataclass(frozen=True)
class View:
    """The table at one snapshot; ``snapshot`` is None while nothing was ever written."""

    table: Table
    snapshot: Snapshot | None
    files: tuple[DataFile, ...]
    covers: Covers
    loaded_at: str
    """Since when it can be asked for."""
    answers: dict[Any, Any] = field(default_factory=dict)
    """What was computed of this snapshot already."""

    @property
    def snapshot_id(self) -> int | None:
        """The snapshot's id."""
        return None if self.snapshot is None else self.snapshot.snapshot_id

    @property
    def taken_at(self) -> str | None:
        """When the snapshot was committed."""
        if self.snapshot is None:
            return None
        at = datetime.fromtimestamp(self.snapshot.timestamp_ms / 1000, UTC)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    @property
    def rows(self) -> int:
        """How many rows the files hold."""
        return sum(f.rows for f in self.files)


class Views:
    """Follows the table. ``start`` begins to watch; all else may be called from any thread."""

    def __init__(self, catalog: Catalog, identifier: str, topic: str, metrics: Metrics) -> None:
        self.file_rows = FileRows()
        self._catalog = catalog
        self._identifier = identifier
        self._topic = topic
        self._metrics = metrics
        self._newest: View | None = None
        self._location = ""
        self._problem: str | None = "the table has not been loaded yet"
        self._older: OrderedDict[int, View] = OrderedDict()
        self._served: OrderedDict[int, str] = OrderedDict()
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def start(self) -> None:
        """Begin to watch."""
        threading.Thread(target=self._watch, name="views", daemon=True).start()

    def stop(self) -> None:
        """Watch no longer."""
        self._stop.set()

    @property
    def problem(self) -> str | None:
        """Why the table cannot be read, None while it can."""
        return self._problem

    def served_at(self, snapshot_id: int) -> str | None:
        """Return since when a snapshot was the newest one here, None when it never was."""
        return self._served.get(snapshot_id)

    def newest(self) -> View:
        """Return the newest snapshot's view; raises ApiError when the table cannot be read."""
        view = self._newest
        if view is None or self._problem is not None:
            raise unavailable("the table")
        return view

    def at(self, snapshot_id: int) -> View:
        """Return the view of a snapshot; raises ApiError when the table does not hold it any more."""
        view = self.newest()
        if view.snapshot_id == snapshot_id:
            return view
        with self._lock:
            known = self._older.get(snapshot_id)
        snapshot = view.table.snapshot_by_id(snapshot_id)
        if snapshot is None:
            raise ApiError(404, "SNAPSHOT_NOT_FOUND", f"the table has no snapshot {snapshot_id}")
        if known is None:
            known = self._view(view.table, snapshot)
            with self._lock:
                self._older[snapshot_id] = known
                while len(self._older) > _KEPT:
                    self._older.popitem(last=False)
        return known

    def read(self, view: View, files: list[DataFile], columns: list[str]) -> pl.DataFrame:
        """Return rows of some of a view's files; raises ApiError when they cannot be read."""
        began, status = time.monotonic(), "ok"
        try:
            with translated("reading the table"):
                return self.file_rows.read(view.table, files, columns)
        except PipelineChecksError as problem:
            status = "error"
            _log.error("%s", problem)
            raise unavailable("the table") from None
        finally:
            self._metrics.histogram("query_duration_seconds").observe(time.monotonic() - began)
            self._metrics.counter("query_executions", status, labels=("status",)).inc()

    def _view(self, table: Table, snapshot: Snapshot | None) -> View:
        if snapshot is None:
            return View(table, None, (), {}, instant())
        with translated("planning the snapshot"):
            files = data_files(table, snapshot.snapshot_id)
        known = [s for s in table.metadata.snapshots if (s.sequence_number or 0) <= (snapshot.sequence_number or 0)]
        return View(table, snapshot, files, newest(known, self._topic)[0], instant())

    def look(self) -> bool:
        """Load the newest snapshot when there is another one; whether there was."""
        location = self._newest_location()
        if location and location == self._location:
            self._problem = None
            return False
        with translated("loading the table"):
            table = self._catalog.load_table(self._identifier)
        view = self._view(table, table.current_snapshot())
        self._newest, self._location, self._problem = view, table.metadata_location, None
        if view.snapshot_id is not None:
            self._served.setdefault(view.snapshot_id, view.loaded_at)
            while len(self._served) > _REMEMBERED:
                self._served.popitem(last=False)
        return True

    def _newest_location(self) -> str:
        """Return where the newest metadata lie, empty when the catalogue tells only with all of them."""
        from pyiceberg.catalog.sql import IcebergTables, SqlCatalog

        if not isinstance(self._catalog, SqlCatalog):
            return ""
        from sqlalchemy import select

        namespace, _, name = self._identifier.rpartition(".")
        asked = select(IcebergTables.metadata_location).where(
            IcebergTables.catalog_name == self._catalog.name,
            IcebergTables.table_namespace == namespace,
            IcebergTables.table_name == name,
        )
        with translated("asking the catalogue"), self._catalog.engine.connect() as connection:
            return str(connection.execute(asked).scalar() or "")

    def _watch(self) -> None:
        told = ""
        while not self._stop.wait(_POLL):
            try:
                self.look()
                told = ""
            except Exception as problem:  # whatever it was, the next look tells; said once
                self._problem = str(problem)
                if self._problem != told:
                    _log.warning("the table cannot be loaded: %s", problem)
                told = self._problem
