"""Objects of an S3 store, by its API: listing them, reading one, and what the errors mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from pipeline_checks.clients.settings import setting
from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError, TerminalError, TransientError

_REFUSED = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "403", "Forbidden"})
_GONE = frozenset({"NoSuchKey", "404", "NotFound"})
_CHANGED = frozenset({"PreconditionFailed", "412"})


@dataclass(frozen=True)
class ListedObject:
    """One object as a listing shows it; ``etag`` without its quotes."""

    key: str
    etag: str
    size: int
    modified: datetime


class ObjectStore:
    """A store. Endpoint and keys come from S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY of the environment or stack."""

    def __init__(self) -> None:
        self._client: Any = None

    def list(self, bucket: str, prefix: str = "") -> Iterator[ListedObject]:
        """Yield the objects below a prefix in the order of their keys, page by page; folders are left out."""
        pages = self._connected().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        with translated(f"listing s3://{bucket}/{prefix}"):
            for page in pages:
                for found in page.get("Contents", ()):
                    if not found["Key"].endswith("/"):
                        modified = found["LastModified"].astimezone(UTC)
                        yield ListedObject(found["Key"], found["ETag"].strip('"'), int(found["Size"]), modified)

    def read(self, bucket: str, key: str, etag: str | None = None) -> bytes:
        """Return what stands in an object; with ``etag`` only when it is that version still.

        Raises TerminalError when it is gone or another version by now.
        """
        what = f"reading s3://{bucket}/{key}"
        asked = {"Bucket": bucket, "Key": key} | ({} if etag is None else {"IfMatch": etag})
        with translated(what):
            answer = self._connected().get_object(**asked)
            content: bytes = answer["Body"].read()
        if etag is not None and answer["ETag"].strip('"') != etag:
            raise TerminalError(f"{what}: it is another version by now.")
        return content

    def write(self, bucket: str, key: str, content: bytes) -> str:
        """Write an object and return its etag."""
        with translated(f"writing s3://{bucket}/{key}"):
            answer = self._connected().put_object(Bucket=bucket, Key=key, Body=content)
        return str(answer["ETag"]).strip('"')

    def remove(self, bucket: str, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        with translated(f"removing s3://{bucket}/{key}"):
            self._connected().delete_object(Bucket=bucket, Key=key)

    def make_bucket(self, bucket: str) -> None:
        """Make a bucket unless it is there."""
        with translated(f"making the bucket {bucket}"):
            if bucket not in {b["Name"] for b in self._connected().list_buckets().get("Buckets", ())}:
                self._connected().create_bucket(Bucket=bucket)

    def close(self) -> None:
        """Give back the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _connected(self) -> Any:
        if self._client is None:
            from botocore.config import Config

            self._client = _session().client(
                "s3",
                endpoint_url=setting("S3_ENDPOINT"),
                aws_access_key_id=setting("S3_ACCESS_KEY"),
                aws_secret_access_key=setting("S3_SECRET_KEY"),
                region_name="us-east-1",
                config=Config(
                    connect_timeout=5,
                    read_timeout=10,
                    retries={"total_max_attempts": 2, "mode": "standard"},
                    s3={"addressing_style": "path"},
                    # Stores other than AWS do not all take the checksums that newer clients add by themselves.
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                    proxies={},
                ),
            )
        return self._client


@cache
def _session() -> Any:
    """What all clients are made of: the descriptions of the API are read once."""
    import boto3

    return boto3.session.Session()


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn errors of the client into errors of this project; ``what`` says what was being done."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except PipelineChecksError:
        raise
    except ClientError as problem:
        code = str(problem.response.get("Error", {}).get("Code", ""))
        status = int(problem.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if code in _REFUSED:
            raise ConfigurationError(
                f"{what}: the store refuses the keys ({code}).", next_step="Correct S3_ACCESS_KEY and S3_SECRET_KEY."
            ) from None
        if code == "NoSuchBucket":
            raise TerminalError(
                f"{what}: there is no such bucket.", next_step="See that it has been made and that its name is right."
            ) from None
        if code in _GONE:
            raise TerminalError(f"{what}: it is not there any more.") from None
        if code in _CHANGED:
            raise TerminalError(f"{what}: it is another version by now.") from None
        kind = TransientError if status >= 500 or status == 429 else TerminalError
        raise kind(f"{what}: the store answered {status or code}.", status=status) from None
    except BotoCoreError as problem:
        raise TransientError(
            f"{what}: {type(problem).__name__}.", next_step="See that the object store runs and can be reached."
        ) from None
