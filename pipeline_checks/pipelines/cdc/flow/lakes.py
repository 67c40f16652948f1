"""The lake tables of the pipeline in both formats, from settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from pipeline_checks.clients.lake import iceberg_catalog, storage_options
from pipeline_checks.clients.settings import setting
from pipeline_checks.pipelines.cdc.flow import changes, current
from pipeline_checks.pipelines.cdc.flow.ahead import Ahead, reader
from pipeline_checks.pipelines.cdc.flow.decode import Decoder
from pipeline_checks.pipelines.cdc.flow.delta_sink import DeltaLog, DeltaState
from pipeline_checks.pipelines.cdc.flow.iceberg_sink import IcebergLog
from pipeline_checks.pipelines.cdc.flow.iceberg_state import IcebergState
from pipeline_checks.pipelines.cdc.flow.lake_types import arrow_type
from pipeline_checks.pipelines.cdc.flow.names import (
    ICEBERG_CATALOG,
    ICEBERG_NAMESPACE,
    QUARANTINE,
    changes_of,
    topic_of,
)
from pipeline_checks.pipelines.cdc.flow.quarantine import Quarantine
from pipeline_checks.pipelines.cdc.flow.tables import CAPTURED, Table
from pipeline_checks.pipelines.cdc.flow.writer import TableWriter

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog


def source_columns(table: Table) -> dict[str, pa.DataType]:
    """Name to type of the table's source columns in the lakes."""
    return {name: arrow_type(text) for name, text in table.lake_columns.items()}


def log_columns(table: Table) -> pa.Schema:
    """Return the columns of the table's change log."""
    return pa.schema({**source_columns(table), **changes.derived(table), **changes.TECHNICAL})


def state_columns(table: Table) -> pa.Schema:
    """Return the columns of the table's current state."""
    return pa.schema({**source_columns(table), **changes.derived(table), **current.TECHNICAL})


def delta_writer(table: Table, base: str) -> TableWriter:
    """Return the writer of a table's Delta side below the folder or URL ``base``."""
    topic, options = topic_of(table.name), storage_options(base)
    log = DeltaLog(f"{base}/{changes_of(table.name)}", topic, log_columns(table), table.key, options)
    state = DeltaState(f"{base}/{table.name}", topic, state_columns(table), table.key, options)
    return TableWriter(table, topic, "delta", log, state, _ahead(table))


def iceberg_writer(table: Table, catalog: Catalog) -> TableWriter:
    """Return the writer of a table's Iceberg side in the catalog's namespace of the pipeline."""
    topic = topic_of(table.name)
    log = IcebergLog(catalog, f"{ICEBERG_NAMESPACE}.{changes_of(table.name)}", topic, log_columns(table), table.key)
    state = IcebergState(catalog, f"{ICEBERG_NAMESPACE}.{table.name}", topic, state_columns(table), table.key)
    return TableWriter(table, topic, "iceberg", log, state, _ahead(table))


def _ahead(table: Table) -> Ahead:
    bootstrap = setting("KAFKA_BOOTSTRAP_SERVERS")
    return reader(bootstrap, topic_of(table.name), lambda: Decoder(table.key, source_columns(table)))


def open_catalog() -> Catalog:
    """Return the Iceberg catalog of the settings, with its namespace."""
    catalog = iceberg_catalog(ICEBERG_CATALOG, setting("ICEBERG_CATALOG_URL"), setting("ICEBERG_WAREHOUSE"))
    catalog.create_namespace_if_not_exists(ICEBERG_NAMESPACE)
    return catalog


def delta_base() -> str:
    """Return the folder or URL below which the Delta tables lie."""
    return setting("DELTA_TABLE_PATH").rstrip("/")


def writers() -> dict[str, tuple[TableWriter, TableWriter]]:
    """Return the Delta and the Iceberg writer of each captured table, not yet opened."""
    base, catalog = delta_base(), open_catalog()
    return {t.name: (delta_writer(t, base), iceberg_writer(t, catalog)) for t in CAPTURED}


def quarantine() -> Quarantine:
    """Return the quarantine of all topics, not yet opened."""
    base = delta_base()
    return Quarantine(f"{base}/{QUARANTINE}", tuple(topic_of(t.name) for t in CAPTURED), storage_options(base))
