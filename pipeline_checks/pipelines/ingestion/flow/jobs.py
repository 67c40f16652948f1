"""What the engine is told of an ingestion."""

from __future__ import annotations

from typing import Any, cast

from pipeline_checks.pipelines.ingestion.flow.credentials import Vault
from pipeline_checks.pipelines.ingestion.flow.engine.model import (
    BadRecords,
    Column,
    Format,
    FormatType,
    Job,
    Source,
    Store,
    Table,
)
from pipeline_checks.pipelines.ingestion.flow.metadata.tables import Ingestion
from pipeline_checks.pipelines.ingestion.flow.settings import Settings


def default_store(settings: Settings) -> Store:
    """Return the store of sources without credentials, in which the warehouses lie as well."""
    secret = settings.s3_secret_key.get_secret_value()
    return Store(settings.s3_endpoint, settings.s3_access_key, secret, settings.s3_region)


def source_of(row: Ingestion, vault: Vault, settings: Settings) -> Source:
    """Return where the files arrive; raises ConfigurationError when its credentials cannot be read any more."""
    own = vault.open(row.source_credentials)
    store = Store(**{**own, "endpoint": own["endpoint"] or settings.s3_endpoint}) if own else default_store(settings)
    return Source(row.source_path, store, row.source_file_pattern)


def format_of(row: Ingestion) -> Format:
    """Return how the files are written: only the options that are set."""
    options = {name: value for name, value in (row.format_options or {}).items() if value is not None}
    return Format(
        type=cast(FormatType, row.format_type),
        options=options,
        columns=columns_from(row.schema_json) if row.schema_json is not None else None,
        evolution_enabled=row.schema_evolution_enabled,
        bad_records=cast(BadRecords, row.bad_records),
    )


def table_of(row: Ingestion) -> Table:
    """Return the table that is loaded into."""
    columns = tuple(row.partitioning_columns) if row.partitioning_enabled else ()
    return Table(row.destination_catalog, row.destination_database, row.destination_table, columns)


def job_of(row: Ingestion, run_id: str, vault: Vault, settings: Settings) -> Job:
    """Return what one run loads."""
    return Job(row.id, run_id, source_of(row, vault, settings), format_of(row), table_of(row))


def columns_from(stored: Any) -> tuple[Column, ...]:
    """Return columns from how they are stored."""
    return tuple(Column(c["name"], c["data_type"], c["nullable"], c.get("is_new", False)) for c in stored)


def columns_to(columns: tuple[Column, ...]) -> list[dict[str, Any]]:
    """Return how columns are stored."""
    return [{"name": c.name, "data_type": c.data_type, "nullable": c.nullable, "is_new": c.is_new} for c in columns]
