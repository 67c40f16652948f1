"""The one definition of the table of trades: columns, partitions, order, properties."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NoSuchTableError, TableAlreadyExistsError
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.table.sorting import SortField, SortOrder
from pyiceberg.transforms import DayTransform, IdentityTransform
from pyiceberg.types import DecimalType, LongType, NestedField, StringType, TimestamptzType

from pipeline_checks.clients.lake import translated
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.pipelines.market_data.flow.settings import IcebergSettings

_PRICE = DecimalType(18, 8)
SCHEMA: Final = Schema(
    NestedField(1, "message_id", StringType(), required=True),
    NestedField(2, "trade_id", StringType(), required=True),
    NestedField(3, "symbol", StringType(), required=True),
    NestedField(4, "exchange", StringType(), required=True),
    NestedField(5, "asset_class", StringType(), required=True),
    NestedField(6, "timestamp", TimestamptzType(), required=True),
    NestedField(7, "price", _PRICE, required=True),
    NestedField(8, "quantity", _PRICE, required=True),
    NestedField(9, "currency", StringType(), required=True),
    NestedField(10, "side", StringType(), required=True),
    NestedField(11, "trade_conditions", StringType(), required=False, doc="JSON list, null when empty"),
    NestedField(12, "source_sequence", LongType(), required=False),
    NestedField(13, "ingestion_timestamp", TimestamptzType(), required=True),
    NestedField(14, "platform_sequence", LongType(), required=False),
    NestedField(15, "vendor_data", StringType(), required=False, doc="JSON object, null when empty"),
)
PARTITIONS: Final = PartitionSpec(PartitionField(6, 1000, DayTransform(), "timestamp_day"))
ORDER: Final = SortOrder(*(SortField(source_id=i, transform=IdentityTransform()) for i in (3, 6, 12)))
ORDER_COLUMNS: Final = ("symbol", "timestamp", "source_sequence")
PROPERTIES: Final = {
    "format-version": "2",
    "write.parquet.compression-codec": "zstd",
    "write.target-file-size-bytes": str(128 * 2**20),
    "write.metadata.compression-codec": "gzip",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "5",
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "30",
    # A conflict must come back to the writer: only it can leave out what another one has covered meanwhile.
    "commit.retry.num-retries": "0",
}


def arrow_schema() -> pa.Schema:
    """Return the columns as Arrow, those that must not be NULL marked so."""
    utc = pa.timestamp("us", tz="UTC")
    kinds = {"string": pa.string(), "timestamptz": utc, "long": pa.int64(), str(_PRICE): pa.decimal128(18, 8)}
    return pa.schema([pa.field(f.name, kinds[str(f.field_type)], nullable=not f.required) for f in SCHEMA.fields])


def catalog_of(settings: IcebergSettings) -> Catalog:
    """Return the catalogue: over REST for a URL of HTTP, otherwise over a database."""
    url = settings.catalog_uri.get_secret_value()
    properties = {"uri": url, "warehouse": settings.warehouse}
    if settings.warehouse.startswith("s3"):
        properties |= {
            "s3.endpoint": settings.s3_endpoint,
            "s3.access-key-id": settings.s3_access_key,
            "s3.secret-access-key": settings.s3_secret_key.get_secret_value(),
            "s3.region": "us-east-1",
        }
    with translated("opening the catalogue"):
        if url.startswith(("http://", "https://")):
            from pyiceberg.catalog.rest import RestCatalog

            return RestCatalog(settings.catalog_name, **properties)
        from pyiceberg.catalog.sql import SqlCatalog

        return SqlCatalog(settings.catalog_name, **properties, pool_pre_ping="true")


def create_table(catalog: Catalog, identifier: str) -> Table:
    """Return the table, created where it is absent.

    Raises ConfigurationError when there is one of another definition: it is never written into.
    """
    with translated(f"creating the table {identifier}"):
        catalog.create_namespace_if_not_exists(identifier.rpartition(".")[0])
        try:
            table = catalog.load_table(identifier)
        except NoSuchTableError:
            try:
                table = catalog.create_table(
                    identifier, SCHEMA, partition_spec=PARTITIONS, sort_order=ORDER, properties=PROPERTIES
                )
            except TableAlreadyExistsError:  # somebody else was faster
                table = catalog.load_table(identifier)
    refuse_other(table, identifier)
    return table


def refuse_other(table: Table, identifier: str) -> None:
    """Raise ConfigurationError when a table lacks a column of the definition or holds it as another type."""
    present = {f.name: f for f in table.schema().fields}
    wrong = []
    for field in SCHEMA.fields:
        found = present.get(field.name)
        if found is None:
            wrong.append(f"{field.name} is absent")
        elif found.field_type != field.field_type:
            wrong.append(f"{field.name} is {found.field_type}, not {field.field_type}")
    if wrong:
        raise ConfigurationError(
            f"the table {identifier} has another definition: {'; '.join(wrong)}.",
            next_step="Name another table in K2_ICEBERG_TABLE, or move this one away.",
        )
