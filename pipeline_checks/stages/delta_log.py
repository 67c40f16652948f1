"""The log of a Delta table, read commit by commit: only there stands whether a commit changed data."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from pipeline_checks.clients.lake import storage_options, translated
from pipeline_checks.model.position import VersionPosition
from pipeline_checks.stages.commits import MAINTENANCE, RETAINED_COMMITS, Commit, parse_covers

if TYPE_CHECKING:
    import pyarrow.fs

_OWN_METADATA = "userMetadata"
"""Where Spark keeps what a writer says of its commit, and where its DESCRIBE HISTORY shows it."""


class DeltaLog:
    """Commits of one table, each read once. Versions whose file has been cleaned away are not told."""

    def __init__(self, uri: str, covers_name: str | None) -> None:
        self._uri = uri
        self._covers_name = covers_name
        self._known: dict[int, Commit] = {}
        self._filesystem: pyarrow.fs.FileSystem | None = None

    def newest_first(self, version: int) -> Iterator[Commit]:
        """Yield the retained commits from ``version`` backward."""
        for number in range(version, max(-1, version - RETAINED_COMMITS), -1):
            commit = self._commit(number)
            if commit is None:
                return
            yield commit

    def _commit(self, version: int) -> Commit | None:
        if version not in self._known:
            text = self._read(f"_delta_log/{version:020d}.json")
            if text is None:
                return None
            self._known[version] = parse_commit(version, text, self._covers_name)
        return self._known[version]

    def _read(self, path: str) -> bytes | None:
        local = _local_folder(self._uri)
        with translated(f"reading the log of the Delta table {self._uri}"):
            try:
                if local is not None:
                    return (local / path).read_bytes()
                with self._store().open_input_stream(path) as stream:
                    return bytes(stream.readall())
            except FileNotFoundError:
                return None

    def _store(self) -> pyarrow.fs.FileSystem:
        if self._filesystem is None:
            import pyarrow.fs
            from deltalake.fs import DeltaStorageHandler

            handler = DeltaStorageHandler(self._uri, storage_options(self._uri))
            self._filesystem = pyarrow.fs.PyFileSystem(handler)
        return self._filesystem


def _local_folder(uri: str) -> Path | None:
    if uri.startswith("file://"):
        return Path(unquote(urlsplit(uri).path))
    return Path(uri) if "://" not in uri else None


def parse_commit(version: int, text: bytes, covers_name: str | None) -> Commit:
    """Return the commit written as the actions of one log file.

    What it covers is looked for under ``covers_name`` in the JSON of ``userMetadata``, then beside it. It changed data
    when a file was added or removed and the writer did not say that the rows stayed the same.
    """
    import orjson

    info: dict[str, Any] = {}
    changes_data = False
    for line in text.splitlines():
        action = orjson.loads(line) if line.strip() else {}
        if "commitInfo" in action:
            info = action["commitInfo"]
        file = action.get("add") or action.get("remove")
        if file is not None and file.get("dataChange", True):
            changes_data = True
    said = _own_metadata(info)
    milliseconds = info.get("inCommitTimestamp") or info.get("timestamp") or 0
    covers = said.get(covers_name, info.get(covers_name)) if covers_name else None
    maintenance = said.get(MAINTENANCE, info.get(MAINTENANCE))
    return Commit(
        version=version,
        position=VersionPosition(version),
        timestamp=datetime.fromtimestamp(milliseconds / 1000, UTC),
        operation=str(info.get("operation", "")),
        covers=parse_covers(covers),
        maintenance=None if maintenance is None else str(maintenance),
        changes_data=changes_data,
        is_first=version == 0,
    )


def _own_metadata(info: dict[str, Any]) -> dict[str, Any]:
    import orjson

    said = info.get(_OWN_METADATA)
    if isinstance(said, str):
        try:
            said = orjson.loads(said)
        except orjson.JSONDecodeError:
            return {}
    return said if isinstance(said, dict) else {}
