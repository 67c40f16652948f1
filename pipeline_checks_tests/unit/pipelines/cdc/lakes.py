"""Lake tables in a folder, written without services: a Delta base, and an Iceberg catalog in SQLite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
from deltalake import DeltaTable
from pyiceberg.catalog.sql import SqlCatalog

from pipeline_checks.pipelines.cdc.flow.changes import TECHNICAL as LOG_COLUMNS
from pipeline_checks.pipelines.cdc.flow.current import TECHNICAL as STATE_COLUMNS
from pipeline_checks.pipelines.cdc.flow.decode import Decoder, Record, TableBatch
from pipeline_checks.pipelines.cdc.flow.delta_sink import DeltaLog, DeltaState
from pipeline_checks.pipelines.cdc.flow.iceberg_sink import IcebergLog
from pipeline_checks.pipelines.cdc.flow.iceberg_state import IcebergState
from pipeline_checks.pipelines.cdc.flow.tables import Column, Table
from pipeline_checks.pipelines.cdc.flow.writer import TableWriter

TOPIC = "debezium.public.people"
PEOPLE = Table(
    "people",
    "customer_id",
    (Column("customer_id", "", "int64"), Column("first_name", "", "string"), Column("address", "", "string")),
    joined=(("label", ("first_name", "address"), ", "),),
)
SOURCE = {"customer_id": pa.int64(), "first_name": pa.string(), "address": pa.string()}
LOG = pa.schema({**SOURCE, "label": pa.string(), **LOG_COLUMNS})
STATE = pa.schema({**SOURCE, "label": pa.string(), **STATE_COLUMNS})
FORMATS = ("delta", "iceberg")


def catalog(folder: Path) -> SqlCatalog:
    """The Iceberg catalog of the folder."""
    made = SqlCatalog("test", uri=f"sqlite:///{folder}/catalog.db", warehouse=(folder / "warehouse").as_uri())
    made.create_namespace_if_not_exists("cdc")
    return made


def writer(folder: Path, lake: str) -> TableWriter:
    """A writer that knows nothing but what lies in the folder, as after a start."""
    made: TableWriter
    if lake == "delta":
        log: Any = DeltaLog(f"{folder}/people_changes", TOPIC, LOG, "customer_id")
        made = TableWriter(PEOPLE, TOPIC, lake, log, DeltaState(f"{folder}/people", TOPIC, STATE, "customer_id"))
    else:
        home = catalog(folder)
        log = IcebergLog(home, "cdc.people_changes", TOPIC, LOG, "customer_id")
        made = TableWriter(PEOPLE, TOPIC, lake, log, IcebergState(home, "cdc.people", TOPIC, STATE, "customer_id"))
    made.open()
    return made


def decoded(*records: Record) -> TableBatch:
    """The records decoded anew."""
    return Decoder("customer_id", SOURCE).decode(records)


def rows(folder: Path, lake: str, name: str = "people") -> list[dict[str, Any]]:
    """All rows of a table, read by another reader than the writer's."""
    if lake == "delta":
        frame = pl.DataFrame(DeltaTable(f"{folder}/{name}").scan())
        return frame.to_dicts()
    return pl.scan_iceberg(catalog(folder).load_table(f"cdc.{name}")).collect().to_dicts()


def names(folder: Path, lake: str) -> dict[int, str | None]:
    """Key to first name of the current state."""
    found = [(row["customer_id"], row["first_name"]) for row in rows(folder, lake)]
    assert len(found) == len(dict(found)), found
    return dict(found)


def versions(folder: Path, lake: str, name: str = "people") -> int:
    """Number of commits of a table."""
    if lake == "delta":
        return DeltaTable(f"{folder}/{name}").version()
    return len(catalog(folder).load_table(f"cdc.{name}").metadata.snapshots)
