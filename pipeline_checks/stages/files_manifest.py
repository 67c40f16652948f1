"""The manifest of a set of files: name, size, time, digest and lines of each."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.position import FilesPosition, Position
from pipeline_checks.model.stage import Reached

if TYPE_CHECKING:
    from pipeline_checks.stages.files import Files
    from pipeline_checks.stages.files_pinned import PinnedFiles

_CHUNK = 1 << 20


@dataclass(frozen=True)
class FileEntry:
    """One file as it was found.

    ``lines`` counts the ends of lines in it; ``is_ended`` says that its last line has one.
    """

    path: Path
    size: int
    modified_ns: int
    digest: str
    lines: int
    is_ended: bool

    @property
    def name(self) -> str:
        """The name without the folder."""
        return self.path.name

    @property
    def modified(self) -> datetime:
        """When it was written last."""
        return datetime.fromtimestamp(self.modified_ns / 1e9, UTC)

    def to_json(self) -> dict[str, Any]:
        """Return the entry as a fact."""
        return {
            "name": self.name,
            "size": self.size,
            "modified": self.modified.isoformat(),
            "digest": self.digest,
            "lines": self.lines,
            "is_ended": self.is_ended,
        }


class FilesReader:
    """Lists the files and reads each once as long as it stays as it is."""

    def __init__(self, declaration: Files, path: str) -> None:
        self.declaration = declaration
        self._path = path
        self._known: dict[Path, FileEntry] = {}
        self._manifests: dict[Position, tuple[FileEntry, ...]] = {}

    def reached(self) -> Reached:
        """Return the manifest; ``detail`` has ``modified``, when the newest file was written.

        Raises TerminalError when there is no file, or one cannot be read.
        """
        entries = tuple(self._entry(path) for path in self._paths())
        position = FilesPosition(tuple((e.name, e.digest) for e in entries))
        self._manifests[position] = entries
        return Reached(position, detail={"modified": max(e.modified for e in entries)})

    def at(self, position: Position) -> PinnedFiles:
        """Return the files of a manifest."""
        from pipeline_checks.stages.files_pinned import PinnedFiles

        if not isinstance(position, FilesPosition) or position not in self._manifests:
            raise TerminalError(f"{self.declaration.name} has not been seen at this position.")
        return PinnedFiles(self.declaration, position, self._manifests[position])

    def close(self) -> None:
        """Nothing is held open."""

    def _paths(self) -> list[Path]:
        place = Path(self._path)
        if any(c in self._path for c in "*?["):
            found = [p for p in place.parent.glob(place.name) if p.is_file()]
        elif place.is_dir():
            found = [p for p in place.glob(f"*.{self.declaration.format}") if p.is_file()]
        else:
            found = [place] if place.is_file() else []
        if not found:
            raise TerminalError(
                f"{self.declaration.name}: there is no file {place.name}.",
                next_step="See that it has arrived, and that the path of the stage is right.",
            )
        return sorted(found, key=lambda p: p.name)

    def _entry(self, path: Path) -> FileEntry:
        known = self._known.get(path)
        try:
            status = path.stat()
            if known is None or (known.size, known.modified_ns) != (status.st_size, status.st_mtime_ns):
                known = self._known[path] = _read(path, status)
        except OSError as problem:
            raise TerminalError(
                f"{self.declaration.name}: the file {path.name} cannot be read: {problem.strerror or problem}.",
                next_step="See that it is there and may be read.",
            ) from None
        return known


def content(entry: FileEntry, stage: str) -> bytes:
    """Return what stands in a file; raises TerminalError when it is not what the manifest says any more."""
    try:
        found = entry.path.read_bytes()
    except OSError as problem:
        raise TerminalError(
            f"{stage}: the file {entry.name} cannot be read any more: {problem.strerror or problem}.",
            next_step="Put it back, and check again.",
        ) from None
    if len(found) != entry.size or hashlib.sha256(found).hexdigest() != entry.digest:
        raise TerminalError(
            f"{stage}: the file {entry.name} was changed while it was checked.",
            next_step="Check again when it is not written to any more.",
        )
    return found


def _read(path: Path, status: os.stat_result) -> FileEntry:
    digest, lines, last = hashlib.sha256(), 0, b""
    for chunk in _chunks(path):
        digest.update(chunk)
        lines += chunk.count(b"\n")
        last = chunk[-1:]
    return FileEntry(path, status.st_size, status.st_mtime_ns, digest.hexdigest(), lines, last in (b"\n", b""))


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
