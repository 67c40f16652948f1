"""The manifest of a set of objects: path, etag, size and time of each, and what stands in it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from pipeline_checks.clients.object_store import ListedObject, ObjectStore
from pipeline_checks.model.clock import now
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.loading import SourceFile
from pipeline_checks.model.position import FilesPosition, Position
from pipeline_checks.model.stage import Reached
from pipeline_checks.stages.file_records import FileRecords, records_of

if TYPE_CHECKING:
    from pipeline_checks.stages.s3_files import S3Files
    from pipeline_checks.stages.s3_pinned import PinnedS3Files

_AT_ONCE = 8
"""Objects that are read side by side."""
_NAMED = 20
"""Lines that are no records which are named, of each file."""


class S3FilesReader:
    """Lists the objects, and reads each version once."""

    def __init__(self, declaration: S3Files, bucket: str) -> None:
        self.declaration = declaration
        self.bucket = bucket
        self.store = ObjectStore()
        self._known: dict[tuple[str, str], SourceFile] = {}
        self._listed: dict[Position, tuple[datetime, tuple[ListedObject, ...]]] = {}

    def reached(self) -> Reached:
        """Return the manifest; ``detail`` has ``listed_at``. No object at all is an empty manifest."""
        listed_at = now()
        declared = self.declaration
        found = tuple(o for o in self.store.list(self.bucket, declared.prefix) if self._fits(o.key))
        position = FilesPosition(tuple((self.path_of(o.key), o.etag) for o in found))
        self._listed[position] = (listed_at, found)
        return Reached(position, detail={"listed_at": listed_at})

    def at(self, position: Position) -> PinnedS3Files:
        """Return the objects of a manifest."""
        from pipeline_checks.stages.s3_pinned import PinnedS3Files

        if not isinstance(position, FilesPosition) or position not in self._listed:
            raise TerminalError(f"{self.declaration.name} has not been seen at this position.")
        listed_at, objects = self._listed[position]
        return PinnedS3Files(self, position, listed_at, objects)

    def path_of(self, key: str) -> str:
        """Return the path by which an object is told."""
        return f"s3://{self.bucket}/{key}"

    def described(self, objects: Sequence[ListedObject]) -> tuple[SourceFile, ...]:
        """Return the objects with what stands in them; raises TerminalError for one that changed meanwhile."""
        with ThreadPoolExecutor(_AT_ONCE) as readers:
            return tuple(readers.map(self._described, objects))

    def records(self, listed: ListedObject) -> FileRecords:
        """Return the records of an object as it was listed."""
        return records_of(self.store.read(self.bucket, listed.key, listed.etag), self.declaration)

    def close(self) -> None:
        """Give back the connections."""
        self.store.close()

    def _fits(self, key: str) -> bool:
        prefix = self.declaration.prefix
        below = key.removeprefix(prefix).lstrip("/") or key.rsplit("/", 1)[-1]
        folders = below.split("/")[:-1]
        return fnmatchcase(below, self.declaration.pattern) and not set(self.declaration.except_folders) & set(folders)

    def _described(self, listed: ListedObject) -> SourceFile:
        known = self._known.get((listed.key, listed.etag))
        if known is None:
            content = self.store.read(self.bucket, listed.key, listed.etag)
            found = records_of(content, self.declaration)
            known = self._known[listed.key, listed.etag] = SourceFile(
                path=self.path_of(listed.key),
                etag=listed.etag,
                size=listed.size,
                modified=listed.modified,
                records=found.total,
                digest=hashlib.sha256(content).hexdigest(),
                malformed_total=len(found.malformed),
                malformed=tuple(found.malformed[:_NAMED]),
            )
        return known
