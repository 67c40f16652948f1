"""Where Spark reads a file: at its own place, or in a copy where Spark would not reach it, or not take it for the file.

Spark knows one store and its keys; what lies in another, or under keys of an ingestion's own, comes to it as a copy.
Spark passes over names that begin with ``_`` or ``.``, Hadoop collapses ``//``, and some signs mean something to
either: such a file would be empty without a word. Its copy has a plain name and is of exactly the listed version.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from pipeline_checks.pipelines.ingestion.flow.engine.listing import client, refusal, split_path
from pipeline_checks.pipelines.ingestion.flow.engine.model import FileVersion, Format, Store

FOLDER: Final = "ingestion-copies"
_PLAIN: Final = re.compile(r"[A-Za-z0-9=+@,-][A-Za-z0-9._=+@,-]*")
_COPYING: Final = "._COPYING_"
_COMPRESSED: Final = re.compile(r"\.(gz|bz2|deflate|snappy|lz4|zst)\Z", re.IGNORECASE)
_ENDINGS: Final = {"gzip": ".gz", "gz": ".gz", "bzip2": ".bz2", "deflate": ".deflate", "zstd": ".zst", "lz4": ".lz4"}


class Copies:
    """Makes and removes the copies; ``place`` (``s3://bucket``) is where, in the store of the warehouse."""

    def __init__(self, source: Store, store: Store, place: str) -> None:
        self._source = source
        self._store = store
        self._bucket, _ = split_path(place)

    @contextmanager
    def readable(self, files: Iterable[FileVersion], format: Format) -> Iterator[dict[str, FileVersion]]:
        """Yield the path (``s3a://``) at which Spark reads each file, and the file; copies are gone afterwards.

        Raises EngineError where a file that has to be copied is gone or another version.
        """
        found: dict[str, FileVersion] = {}
        made: list[str] = []
        try:
            ending = _ending(format)
            for file in files:
                named_well = is_plain(file.path) and file.path.endswith(ending)
                if self._source == self._store and named_well:
                    found["s3a" + file.path.removeprefix("s3")] = file
                    continue
                key = f"{FOLDER}/{hashlib.sha256(f'{file.path}|{file.etag}'.encode()).hexdigest()}"
                compressed = _COMPRESSED.search(file.path)
                key += ending or (compressed[0] if compressed else "")
                self._copy(file, key)
                made.append(key)
                found[f"s3a://{self._bucket}/{key}"] = file
            yield found
        finally:
            with suppress(Exception):  # what stays is overwritten by the next attempt at the same file
                store = client(self._store) if made else None
                for key in made:
                    assert store is not None
                    store.delete_object(Bucket=self._bucket, Key=key)

    def _copy(self, file: FileVersion, key: str) -> None:
        bucket, name = split_path(file.path)
        source: Any = client(self._source)
        try:
            if self._source == self._store:
                origin = {"Bucket": bucket, "Key": name}
                source.copy_object(Bucket=self._bucket, Key=key, CopySource=origin, CopySourceIfMatch=file.etag)
                return
            body = source.get_object(Bucket=bucket, Key=name, IfMatch=file.etag)["Body"]
            client(self._store).upload_fileobj(body, self._bucket, key)
        except Exception as problem:  # errors of boto3, and of its transport, share no root
            raise refusal(problem, file, f"s3://{bucket}") from None


def is_plain(path: str) -> bool:
    """Whether Spark takes a path for the object that it names.

    >>> is_plain("s3://landing/data/a.json"), is_plain("s3://landing/data/_a.json")
    (True, False)
    """
    _, key = split_path(path)
    return all(_PLAIN.fullmatch(part) for part in key.split("/")) and not key.endswith(_COPYING)


def _ending(format: Format) -> str:
    """Return how the name must end for Spark to see the compression that was chosen; empty where the name tells."""
    if format.type not in ("json", "csv"):
        return ""
    return _ENDINGS.get(str(format.options.get("compression") or "").lower(), "")
