"""Lists the files of a source by the S3 API: no Spark, page after page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pipeline_checks.pipelines.ingestion.flow.engine.errors import EngineError
from pipeline_checks.pipelines.ingestion.flow.engine.model import QUARANTINE_FOLDER, FileVersion, Source, Store

if TYPE_CHECKING:
    from botocore.client import BaseClient

_PATH = re.compile(r"s3a?://(?P<bucket>[^/]+)/?(?P<key>.*)", re.DOTALL)
_MISSING = {"404", "NoSuchKey", "NotFound", "NoSuchVersion"}
_CHANGED = {"412", "PreconditionFailed"}


@lru_cache(maxsize=32)
def client(store: Store) -> BaseClient:
    """Return boto3's client of a store, with few seconds and few attempts to connect; threads may share it."""
    import boto3
    from botocore.config import Config

    settings = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"} if store.endpoint else {},
        connect_timeout=3,
        read_timeout=30,
        retries={"total_max_attempts": 3, "mode": "standard"},
        # A store that is not AWS itself may not know the newer checksums.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    made: BaseClient = boto3.client(
        "s3",
        endpoint_url=store.endpoint or None,
        aws_access_key_id=store.access_key,
        aws_secret_access_key=store.secret_key,
        region_name=store.region,
        config=settings,
    )
    return made


def list_files(source: Source) -> list[FileVersion]:
    """Return the objects of a source by key, those of its pattern alone, without folders and quarantined lines.

    Raises EngineError ``SOURCE_UNAVAILABLE`` when the store does not answer, refuses the keys or has no such bucket.
    """
    bucket, prefix = split_path(source.path)
    found = [
        FileVersion(f"s3://{bucket}/{item['Key']}", etag_of(item), int(item["Size"]), item["LastModified"])
        for item in _objects(source, bucket, prefix)
        if is_source_key(item["Key"], prefix, source.pattern)
    ]
    return sorted(found, key=lambda file: file.path.encode())


def split_path(path: str) -> tuple[str, str]:
    """Return bucket and key of a path.

    >>> split_path("s3a://landing/data/a.json")
    ('landing', 'data/a.json')
    """
    match = _PATH.fullmatch(path)
    if match is None:
        raise EngineError("SOURCE_UNAVAILABLE", f"{path!r} is no path of S3.", next_step="Write s3://bucket/prefix.")
    return match["bucket"], match["key"]


def is_source_key(key: str, prefix: str, pattern: str | None) -> bool:
    """Whether an object is a file of a source: no folder, no quarantined lines, and of the pattern.

    >>> is_source_key("data/a.json", "data/", "*.json"), is_source_key("data/_quarantine/a.json", "data/", None)
    (True, False)
    """
    below = key[len(prefix) :].lstrip("/") or key.rsplit("/", 1)[-1]
    if key.endswith("/") or QUARANTINE_FOLDER in below.split("/")[:-1]:
        return False
    return not pattern or fnmatchcase(below, pattern)


def etag_of(answer: Any) -> str:
    """Return the etag of an answer without its quotes."""
    return str(answer.get("ETag", "")).strip('"')


def head(store: Any, file: FileVersion) -> None:
    """Ask whether the object is still the version that was listed.

    Raises EngineError ``FILE_NOT_FOUND``, ``FILE_CHANGED`` or ``SOURCE_UNAVAILABLE``.
    """
    bucket, key = split_path(file.path)
    with_errors_of = (file, f"s3://{bucket}")
    try:
        answer = store.head_object(Bucket=bucket, Key=key)
    except Exception as problem:
        raise refusal(problem, *with_errors_of) from None
    if etag_of(answer) != file.etag or int(answer["ContentLength"]) != file.size:
        raise changed(file)


def changed(file: FileVersion) -> EngineError:
    """Return the error of a file that is not the version that was listed."""
    return EngineError(
        "FILE_CHANGED",
        f"{file.path} was changed after it was listed: it is no more the version {file.etag}.",
        next_step="The next run sees the new version; source.on_change says what is done with it.",
    )


def refusal(problem: Exception, file: FileVersion | None, place: str) -> EngineError:
    """Return the error of the engine that stands for one of the store; never with a key of it."""
    code = str(getattr(problem, "response", {}).get("Error", {}).get("Code", ""))
    if file is not None and code in _MISSING:
        return EngineError(
            "FILE_NOT_FOUND",
            f"{file.path} is not there any more.",
            next_step="Nothing of it was loaded; put it back, or leave it.",
        )
    if file is not None and code in _CHANGED:
        return changed(file)
    reason = code or type(problem).__name__
    return EngineError(
        "SOURCE_UNAVAILABLE",
        f"{place} cannot be read: {reason}.",
        next_step="See that the endpoint is reachable, the bucket exists and the credentials may read it.",
    )


def _objects(source: Source, bucket: str, prefix: str) -> Iterator[Any]:
    try:
        pages = client(source.store).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            yield from page.get("Contents", ())
    except Exception as problem:  # errors of boto3, and of its transport, share no root
        raise refusal(problem, None, f"s3://{bucket}/{prefix}") from None
