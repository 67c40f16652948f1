"""Rows of the change logs: one for each record that has a value, deletes and truncates included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from pipeline_checks.pipelines.cdc.flow.decode import TableBatch
from pipeline_checks.pipelines.cdc.flow.tables import Table

OPERATION_WORDS: Final = {"c": "INSERT", "u": "UPDATE", "d": "DELETE", "r": "SNAPSHOT", "t": "TRUNCATE"}
SOURCE_SYSTEM: Final = "postgres_cdc"
PIPELINE_IDS: Final = {"delta": "postgres_to_delta", "iceberg": "postgres_to_iceberg"}
COMMIT_DATE: Final = "_source_commit_date"
"""The date (UTC) of the source's commit, by which the logs are partitioned."""

_INSTANT = pa.timestamp("us", tz="UTC")
TECHNICAL: Final[dict[str, pa.DataType]] = {
    "_ingestion_timestamp": _INSTANT,
    "_processed_timestamp": _INSTANT,
    "_source_system": pa.string(),
    "_cdc_operation": pa.string(),
    "_pipeline_id": pa.string(),
    "_event_timestamp_ms": pa.int64(),
    "_source_lsn": pa.int64(),
    "_kafka_timestamp": _INSTANT,
    "_topic": pa.string(),
    "_partition": pa.int64(),
    "_offset": pa.int64(),
    "_deleted": pa.bool_(),
    "_source_tx_id": pa.int64(),
    "_source_commit_ts": _INSTANT,
    COMMIT_DATE: pa.date32(),
}
"""Name to type of the columns of a change log beside those of the source."""


def derived(table: Table) -> dict[str, pa.DataType]:
    """Name to type of the columns computed from the row itself."""
    return {name: pa.string() for name, _, _ in table.joined}


def with_derived(table: Table, rows: pa.Table) -> pa.Table:
    """Return the rows with the joined columns behind the source's: NULLs are skipped, a row of NULLs gives ''."""
    for name, parts, between in table.joined:
        # Arrow's own join that skips NULLs leaves out rows in which all are NULL.
        texts = zip(*(rows.column(part).to_pylist() for part in parts), strict=True)
        joined = [between.join(text for text in row if text is not None) for row in texts]
        rows = rows.append_column(name, pa.array(joined, pa.string()))
    return rows


def log_rows(
    table: Table, topic: str, lake_format: str, batch: TableBatch, rows: pa.Table, chosen: Sequence[int], now: datetime
) -> pa.Table:
    """Return the change log's rows of the chosen events.

    Parameters
    ----------
    lake_format:
        ``delta`` or ``iceberg``; it decides ``_pipeline_id``.
    rows:
        The batch's rows with unavailable values filled in as far as they are known.
    now:
        The time of the batch.
    """
    events = [batch.events[i] for i in chosen]
    gone = pa.array([e.op in "dt" for e in events], pa.bool_())
    result = with_derived(table, rows.take(pa.array(chosen, pa.int64())))
    for name in derived(table):
        at = result.schema.get_field_index(name)
        joined = result.column(name).combine_chunks()
        result = result.set_column(at, name, pc.if_else(gone, pa.scalar(None, pa.string()), joined))
    committed = pa.array([e.commit_us for e in events], pa.int64()).cast(_INSTANT)
    count, instant = len(events), now.astimezone(UTC)
    technical: Mapping[str, pa.Array] = {
        "_ingestion_timestamp": pa.repeat(pa.scalar(instant, _INSTANT), count),
        "_processed_timestamp": pa.repeat(pa.scalar(instant, _INSTANT), count),
        "_source_system": pa.repeat(SOURCE_SYSTEM, count),
        "_cdc_operation": pa.array([OPERATION_WORDS[e.op] for e in events], pa.string()),
        "_pipeline_id": pa.repeat(PIPELINE_IDS[lake_format], count),
        "_event_timestamp_ms": pa.array([e.handled_ms for e in events], pa.int64()),
        "_source_lsn": pa.array([e.lsn for e in events], pa.int64()),
        "_kafka_timestamp": pa.array([e.appended_us for e in events], pa.int64()).cast(_INSTANT),
        "_topic": pa.repeat(topic, count),
        "_partition": pa.array([e.partition for e in events], pa.int64()),
        "_offset": pa.array([e.offset for e in events], pa.int64()),
        "_deleted": pa.array([e.op == "d" for e in events], pa.bool_()),
        "_source_tx_id": pa.array([e.tx_id for e in events], pa.int64()),
        "_source_commit_ts": committed,
        COMMIT_DATE: committed.cast(pa.timestamp("us")).cast(pa.date32(), safe=False),
    }
    for name, kind in TECHNICAL.items():
        result = result.append_column(pa.field(name, kind), technical[name])
    return result
