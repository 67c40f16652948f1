"""A Delta table as the API serves it: its newest version in memory, older ones read again when asked for."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import orjson
import pyarrow as pa

from pipeline_checks.clients.lake import storage_options
from pipeline_checks.pipelines.cdc.flow.lake_types import plain_schema
from pipeline_checks.pipelines.cdc.flow.sink import conformed

if TYPE_CHECKING:
    import numpy.typing as npt
    from deltalake import DeltaTable

_log = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.05
_KEPT_VERSIONS: Final = 12
_KEPT_BYTES: Final = 256 * 2**20
_LOG_ENTRIES: Final = 5_000
"""Entries of the version log that are served."""


@dataclass(frozen=True)
class Loaded:
    """One version of the table, in the order of its key."""

    version: int
    committed_at: datetime | None
    loaded_at: datetime
    rows: pa.Table
    keys: npt.NDArray[np.int64]

    def page(self, offset: int, limit: int) -> list[dict[str, Any]]:
        """Return ``limit`` rows from the ``offset``-th on."""
        items: list[dict[str, Any]] = self.rows.slice(min(offset, len(self.keys)), limit).to_pylist()
        return items

    def find(self, key: int) -> dict[str, Any] | None:
        """Return the first row of a key, None when there is none."""
        at = int(np.searchsorted(self.keys, key))
        return self.page(at, 1)[0] if at < len(self.keys) and self.keys[at] == key else None


class ServedTable:
    """Follows a Delta table. ``start`` begins to watch for new versions; all else may be called from any thread.

    Parameters
    ----------
    uri:
        Folder or URL of the table.
    key:
        The column that rows are ordered by.
    log:
        File to which each newest version is appended when it has been loaded.
    """

    def __init__(self, name: str, uri: str, key: str, log: Path) -> None:
        self.name = name
        self.uri = uri
        self.key = key
        self._log_file = log
        self._options = storage_options(uri)
        self._table: DeltaTable | None = None
        self._newest: Loaded | None = None
        self._commit: tuple[int, int] | None = None
        self._older: OrderedDict[int, Loaded] = OrderedDict()
        self._entries: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def start(self) -> None:
        """Begin to watch."""
        threading.Thread(target=self._watch, name=f"watch-{self.name}", daemon=True).start()

    def stop(self) -> None:
        """Watch no longer."""
        self._stop.set()

    @property
    def newest(self) -> Loaded | None:
        """The newest version, None before the first is loaded."""
        return self._newest

    def log(self) -> list[dict[str, Any]]:
        """Return version, commit and load time of the versions that were the newest one, oldest first."""
        return [{k: v for k, v in e.items() if k in ("version", "committed_at", "loaded_at")} for e in self._entries]

    def at(self, version: int) -> Loaded | None:
        """Return one version, reading it when it is not in memory; None when the table does not have it."""
        newest = self._newest
        if newest is None or version > newest.version:
            return None
        if version == newest.version:
            return newest
        with self._lock:
            if version in self._older:
                self._older.move_to_end(version)
                return self._older[version]
        from deltalake import DeltaTable

        try:
            loaded = self._load(DeltaTable(self.uri, version=version, storage_options=self._options))
        except Exception as error:  # the log or the files of so old a version are gone, whatever the reader says of it
            _log.info("%s version %d cannot be read: %s", self.name, version, error)
            return None
        self._keep(loaded)
        return loaded

    def _keep(self, loaded: Loaded) -> None:
        with self._lock:
            self._older[loaded.version] = loaded
            self._older.move_to_end(loaded.version)
            while len(self._older) > _KEPT_VERSIONS or (
                len(self._older) > 1 and sum(v.rows.nbytes for v in self._older.values()) > _KEPT_BYTES
            ):
                self._older.popitem(last=False)

    def _watch(self) -> None:
        pause, told = POLL_SECONDS, ""
        while not self._stop.wait(pause):
            try:
                self._look()
                pause, told = POLL_SECONDS, ""
            except Exception as error:
                # Absent yet, or another writer's torn moment: the next look tells. Said once, not at every look.
                if str(error) != told:
                    _log.warning("%s cannot be loaded: %s", self.name, error)
                told, self._table = str(error), None
                pause = min(pause * 2, 1.0)

    def _look(self) -> None:
        """Load the newest version when there is a newer one."""
        from deltalake import DeltaTable

        if self._table is None or self._was_taken_back():
            self._table = DeltaTable(self.uri, storage_options=self._options)
            self._recall(self._table.metadata().id)
            self._forget_beyond(self._table.version())
        elif not self._has_next(self._table.version()):
            return
        else:
            before = self._table.version()
            self._table.update_incremental()
            if self._table.version() == before:
                return
        loaded = self._load(self._table)
        self._commit = self._commit_file(loaded.version)
        if self._newest is not None and self._newest.version != loaded.version:
            self._keep(self._newest)
        self._newest = loaded
        if any(e["version"] == loaded.version for e in self._entries):
            return  # it has been served before
        entry = {
            "table": self.name,
            "id": str(self._table.metadata().id),
            "version": loaded.version,
            "committed_at": loaded.committed_at.isoformat() if loaded.committed_at else None,
            "loaded_at": loaded.loaded_at.isoformat(),
        }
        self._entries = [*self._entries[-_LOG_ENTRIES:], entry]
        with self._log_file.open("ab") as file:
            file.write(orjson.dumps(entry) + b"\n")

    def _has_next(self, version: int) -> bool:
        """Whether the log may hold a newer version: for a local table that costs one look into the folder."""
        if "://" in self.uri:
            return True
        return (Path(self.uri) / "_delta_log" / f"{version + 1:020d}.json").exists()

    def _commit_file(self, version: int) -> tuple[int, int] | None:
        """Return what tells the file of a commit from another one of its version; None when it cannot be looked at."""
        if "://" in self.uri:
            return None
        try:
            found = (Path(self.uri) / "_delta_log" / f"{version:020d}.json").stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns

    def _was_taken_back(self) -> bool:
        """Whether the newest version is not the one that was loaded: a table that was put back to an earlier state."""
        return self._newest is not None and self._commit != self._commit_file(self._newest.version)

    def _forget_beyond(self, version: int) -> None:
        """Forget what was loaded of versions that are no more."""
        with self._lock:
            for number in [n for n in self._older if n >= version]:
                del self._older[number]
        if self._newest is not None and self._newest.version > version:
            self._newest = None
        self._entries = [e for e in self._entries if e["version"] <= version]

    def _load(self, table: DeltaTable) -> Loaded:
        schema = table.schema()
        columns = [f.name for f in schema.fields if not f.name.startswith("_")]
        order = [n for n in (self.key, "_offset") if any(f.name == n for f in schema.fields)]
        read = pa.RecordBatchReader.from_stream(table.scan(columns=[*columns, *order[1:]])).read_all()
        plain = conformed(read, plain_schema(read.schema))  # views of text cannot be sorted
        rows = plain.sort_by([(name, "ascending") for name in order]).select(columns)
        history = table.history(1)
        stamp = history[0].get("timestamp") if history else None
        return Loaded(
            version=table.version(),
            committed_at=datetime.fromtimestamp(stamp / 1000, UTC) if stamp is not None else None,
            loaded_at=datetime.now(UTC),
            rows=rows.combine_chunks(),
            keys=rows.column(self.key).fill_null(-1).to_numpy(),
        )

    def _recall(self, identity: Any) -> None:
        """Take up the version log of an earlier process, as far as it is about this very table."""
        if self._entries:
            return
        found = {e["version"]: e for e in _entries(self._log_file) if e.get("id") == str(identity)}
        self._entries = list(found.values())[-_LOG_ENTRIES:]  # of a version that was made twice the later one


def _entries(file: Path) -> Iterable[dict[str, Any]]:
    try:
        lines = file.read_bytes().splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        try:
            yield orjson.loads(line)
        except orjson.JSONDecodeError:
            continue  # torn by a kill
