"""Access to Delta and Iceberg tables, and what the errors of their readers mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pipeline_checks.clients.settings import setting
from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError, TerminalError, TransientError

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table

_OBJECT_STORE = ("s3://", "s3a://")
_PARQUET = re.compile(r"[^\s'\"():,]*\.(?:parquet|avro|json)\b")
_UNKNOWN = re.compile(
    r"Unsupported field type: '([^']+)'|Feature '([^']+)' is not supported|"
    r"Unsupported table features required: \[([^\]]+)\]"
)
"""What pyiceberg and delta-rs say of types and features of tables that they do not know."""
_AWAY = ("connection refused", "timed out", "timeout", "error sending request", "connection reset", "dns error")
_UNREADABLE = ("parquet", "eof", "footer", "magic", "corrupt", "truncated", "range", "out of spec")


def _object_store() -> dict[str, str]:
    names = {"endpoint": "S3_ENDPOINT", "key": "S3_ACCESS_KEY", "secret": "S3_SECRET_KEY"}
    found = {short: setting(name, "") for short, name in names.items()}
    return {short: value for short, value in found.items() if value}


def storage_options(uri: str) -> dict[str, str]:
    """Return the options with which delta-rs and polars reach ``uri``; none for a local path.

    Endpoint and credentials of an object store come from S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY; without these
    the environment of the AWS tools holds.
    """
    if not uri.startswith(_OBJECT_STORE):
        return {}
    store = _object_store()
    options = {"AWS_CONDITIONAL_PUT": "etag"}
    if endpoint := store.get("endpoint"):
        options |= {"AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "us-east-1"}
        if endpoint.startswith("http://"):
            options["AWS_ALLOW_HTTP"] = "true"
    if "key" in store:
        options |= {"AWS_ACCESS_KEY_ID": store["key"], "AWS_SECRET_ACCESS_KEY": store.get("secret", "")}
    return options


def open_delta(uri: str, version: int | None = None) -> DeltaTable:
    """Open a Delta table at its newest version or at ``version``.

    Raises TerminalError when there is no table, or one that the reader refuses.
    """
    from deltalake import DeltaTable

    with translated(f"opening the Delta table {uri}"):
        return DeltaTable(uri, version=version, storage_options=storage_options(uri))


def iceberg_properties(uri: str) -> dict[str, str]:
    """Return the properties with which pyiceberg reaches ``uri``; none for a local path."""
    if not uri.startswith(_OBJECT_STORE):
        return {}
    named = {"endpoint": "s3.endpoint", "key": "s3.access-key-id", "secret": "s3.secret-access-key"}
    found = {named[short]: value for short, value in _object_store().items()}
    return {**found, "s3.region": "us-east-1"}


@lru_cache(maxsize=16)
def iceberg_catalog(name: str, url: str, warehouse: str) -> Catalog:
    """Return a catalog: over a database for a URL of SQLAlchemy, over REST for http(s); kept for this process.

    Spark's JDBC catalog and this one share their tables when name and database are the same.
    """
    properties = {"uri": url, "warehouse": warehouse, **iceberg_properties(warehouse)}
    with translated(f"opening the Iceberg catalog {name!r}"):
        if url.startswith(("http://", "https://")):
            from pyiceberg.catalog.rest import RestCatalog

            return RestCatalog(name, **properties)
        from pyiceberg.catalog.sql import SqlCatalog

        return SqlCatalog(name, **properties, pool_pre_ping="true")


def load_iceberg(catalog: Catalog, identifier: str) -> Table:
    """Load a table with its newest metadata. Raises TerminalError when there is none of that name."""
    with translated(f"loading the Iceberg table {identifier}"):
        return catalog.load_table(identifier)


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn errors of the readers into errors of this project; ``what`` says what was being done.

    A table that is not there, a feature the reader refuses and a file that cannot be read are TerminalError, naming
    the file where the reader does; a store or catalog that is away is TransientError.
    """
    try:
        yield
    except (PipelineChecksError, KeyboardInterrupt, GeneratorExit):
        raise
    except Exception as problem:  # the readers share no root of their errors
        raise translate(what, problem) from None


def translate(what: str, problem: Exception) -> PipelineChecksError:
    """Return the error of this project that stands for one of a reader's."""
    text, kind = _reason(problem), type(problem).__name__
    lowered = str(problem).lower()
    if kind in ("TableNotFoundError", "NoSuchTableError", "NoSuchNamespaceError", "NoSuchIcebergTableError"):
        return TerminalError(
            f"{what}: there is no such table.", next_step="See that the flow has made it and that the path is right."
        )
    if kind in ("OperationalError", "ConnectionError", "ServiceUnavailableError") or any(w in lowered for w in _AWAY):
        return TransientError(f"{what}: {text}.", next_step="See that the store and the catalog can be reached.")
    if kind in ("ArgumentError", "NoSuchModuleError", "UnauthorizedError", "ForbiddenError"):
        return ConfigurationError(f"{what}: {text}.", next_step="Correct the settings of the table or its catalog.")
    unknown = _UNKNOWN.search(str(problem))
    if unknown:
        name = next(group for group in unknown.groups() if group)
        return TerminalError(
            f"{what}: the table has the feature or type {name}, which cannot be read here.",
            next_step="Rewrite the table without it, or check it where it is read from.",
            feature=name,
        )
    file = _PARQUET.search(str(problem))
    data: dict[str, Any] = {"file": file.group(0)} if file else {}
    if any(word in lowered for word in _UNREADABLE) or file:
        named = f" {file.group(0)}" if file else ""
        return TerminalError(
            f"{what}: a file{named} cannot be read: {text}.",
            next_step="Restore the file, or the table to a version before it.",
            **data,
        )
    return TerminalError(f"{what}: {text}.", **data)


def _reason(problem: Exception) -> str:
    original = getattr(problem, "orig", None) or problem  # SQLAlchemy adds its statement and a link to the driver's
    lines = [line.strip() for line in str(original).splitlines() if line.strip()]
    return (lines[0] if lines else type(problem).__name__).rstrip(".")[:400]
