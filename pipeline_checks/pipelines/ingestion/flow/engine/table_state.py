"""Reads what a table of a Hadoop catalog is from its own metadata file: two requests to the store, and no Spark."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pyspark.sql.types import StructType

from pipeline_checks.pipelines.ingestion.flow.engine.errors import EngineError
from pipeline_checks.pipelines.ingestion.flow.engine.listing import refusal, split_path
from pipeline_checks.pipelines.ingestion.flow.engine.model import Load, Table, TableState
from pipeline_checks.pipelines.ingestion.flow.engine.type_names import columns_of, iceberg_type

INGESTION_ID: Final = "ingestion-id"
RUN_ID: Final = "run-id"
SOURCE_PATH: Final = "source-path"
SOURCE_ETAG: Final = "source-etag"
SOURCE_SIZE: Final = "source-size"
RECORD_COUNT: Final = "record-count"
REPLACES: Final = "replaces-snapshot-id"
"""What an append says of itself in the summary of its snapshot; the last one where it took older rows out as well."""
STAGED_AS: Final = "wap.id"
PUBLISHED_FROM: Final = "source-snapshot-id"

Key = tuple[str, str, int]
"""Path, etag and size: one version of a file."""

_METADATA = re.compile(r"v(\d+)(?:\.gz)?\.metadata\.json")


@dataclass(frozen=True)
class Metadata:
    """One version of a table's metadata file. ``staged`` are snapshots that were never published, by what staged them.

    ``summaries`` has the summary of every snapshot, ``parents`` its parent.
    """

    state: TableState
    summaries: Mapping[int, Mapping[str, str]]
    parents: Mapping[int, int | None]
    made_at: Mapping[int, datetime]
    staged: Mapping[str, int]
    branches: Mapping[str, int]

    def summary(self, snapshot_id: int) -> Mapping[str, str]:
        """Return what a snapshot says of itself, nothing where it is not known."""
        return self.summaries.get(snapshot_id, {})


def location_of(table: Table, warehouses: Mapping[str, str]) -> str:
    """Return where a Hadoop catalog keeps a table, as ``s3a://``.

    Raises EngineError ``CATALOG_UNKNOWN``.
    """
    warehouse = warehouses.get(table.catalog)
    if warehouse is None:
        raise EngineError(
            "CATALOG_UNKNOWN",
            f"there is no catalog {table.catalog!r}.",
            next_step=f"Use one of {', '.join(sorted(warehouses)) or 'those of the settings, which name none'}.",
        )
    return "/".join((warehouse.rstrip("/"), *table.database.split("."), table.name))


def read_metadata(store: Any, location: str) -> Metadata | None:
    """Return the newest metadata of the table at a location, None where there is none.

    Raises EngineError ``SOURCE_UNAVAILABLE`` when the store does not answer.
    """
    bucket, prefix = split_path(location)
    for _ in range(3):
        key = _newest(store, bucket, f"{prefix}/metadata/v")
        if key is None:
            return None
        try:
            body: bytes = store.get_object(Bucket=bucket, Key=key)["Body"].read()
        except store.exceptions.NoSuchKey:
            continue  # a commit has just removed the oldest one: there is a newer one, or none at all
        except Exception as problem:  # errors of boto3, and of its transport, share no root
            raise refusal(problem, None, location) from None
        text = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
        return parse_metadata(json.loads(text), f"s3://{bucket}/{key}")
    return None


def _newest(store: Any, bucket: str, prefix: str) -> str | None:
    newest: tuple[int, str] | None = None
    try:
        for page in store.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", ()):
                match = _METADATA.fullmatch(item["Key"].rsplit("/", 1)[-1])
                if match and (newest is None or int(match[1]) > newest[0]):
                    newest = int(match[1]), item["Key"]
    except Exception as problem:
        raise refusal(problem, None, f"s3://{bucket}/{prefix}") from None
    return newest[1] if newest else None


def parse_metadata(document: Mapping[str, Any], place: str) -> Metadata:
    """Return what a metadata document says; ``place`` is where it was read."""
    snapshots = {int(s["snapshot-id"]): s for s in document.get("snapshots", ())}
    head: int | None = document.get("current-snapshot-id")
    current = None if head == -1 else head
    lineage = list(_lineage(snapshots, current))
    summaries = {number: dict(s.get("summary", {})) for number, s in snapshots.items()}
    made_at = {n: datetime.fromtimestamp(s["timestamp-ms"] / 1000, UTC) for n, s in snapshots.items()}
    branches = {n: int(r["snapshot-id"]) for n, r in document.get("refs", {}).items() if r["type"] == "branch"}
    on_branches = {s for head in branches.values() for s in _lineage(snapshots, head)}
    found = next(s for s in document["schemas"] if s["schema-id"] == document["current-schema-id"])
    schema = iceberg_type({**found, "type": "struct"})
    assert isinstance(schema, StructType)
    state = TableState(
        uuid=document["table-uuid"],
        location=document["location"],
        metadata_location=place,
        snapshot_id=current,
        columns=columns_of(schema),
        records=int(summaries.get(current, {}).get("total-records", 0)) if current is not None else 0,
        loads=_loads(document["table-uuid"], lineage, made_at, summaries),
        properties=dict(document.get("properties", {})),
    )
    staged = {s[STAGED_AS]: n for n, s in summaries.items() if STAGED_AS in s and n not in on_branches}
    parents = {n: s.get("parent-snapshot-id") for n, s in snapshots.items()}
    return Metadata(state, summaries, parents, made_at, staged, branches)


def _lineage(snapshots: Mapping[int, Any], head: int | None) -> Iterator[int]:
    """Yield a snapshot and those before it, the newest first, as far as they are kept."""
    while head is not None and head in snapshots:
        yield head
        parent = snapshots[head].get("parent-snapshot-id")
        head = None if parent is None else int(parent)


def _loads(
    uuid: str, lineage: list[int], made_at: Mapping[int, datetime], summaries: Mapping[int, Mapping[str, str]]
) -> dict[Key, Load]:
    replaced = {int(summaries[n][REPLACES]) for n in lineage if REPLACES in summaries[n]}
    loads: dict[Key, Load] = {}
    for number in reversed(lineage):
        summary = summaries[number]
        if (
            PUBLISHED_FROM in summary
        ):  # published over somebody else's commit: what it loaded stands where it was staged
            summary = {**summaries.get(int(summary[PUBLISHED_FROM]), {}), **summary}
        if SOURCE_PATH not in summary:
            continue
        key = summary[SOURCE_PATH], summary.get(SOURCE_ETAG, ""), int(summary.get(SOURCE_SIZE, 0))
        loads[key] = Load(
            snapshot_id=number,
            table_uuid=uuid,
            path=key[0],
            etag=key[1],
            size=key[2],
            records=int(summary.get("added-records", 0)),
            bytes_written=int(summary.get("added-files-size", 0)),
            ingestion_id=summary.get(INGESTION_ID, ""),
            run_id=summary.get(RUN_ID, ""),
            committed_at=made_at[number],
            replaced=number in replaced,
        )
    return loads
