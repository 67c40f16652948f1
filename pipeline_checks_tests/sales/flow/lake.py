"""Silver of lines, filled without Kafka and Spark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl

from pipeline_checks.pipelines.sales.flow.columns import arrow_schema
from pipeline_checks.pipelines.sales.flow.lake.table import LakeTable
from pipeline_checks.pipelines.sales.flow.tables import LINE_KEY, SILVER

_NOW = datetime(2026, 11, 21, 1, 2, 3, 456789, tzinfo=UTC)


@dataclass
class Lake:
    """A silver table and the offsets that were used."""

    table: LakeTable
    topic: str
    offset: int = 0

    def take(self, orders: Sequence[str], sales: Decimal) -> None:
        """Append a line for each order."""
        self.table.append(self._rows(orders, sales), {self.topic: {0: self.offset}})

    def replace(self, order: str, sales: Decimal) -> None:
        """Put another line in the place of an order's."""
        self.table.merge(self._rows([order], sales), {self.topic: {0: self.offset}})

    def _rows(self, orders: Sequence[str], sales: Decimal) -> pl.DataFrame:
        made = []
        for order in orders:
            made.append(
                {
                    "order_id": order,
                    "product_id": 'P, "quoted"',
                    "customer_name": "Zoë\nŁukasz",
                    "city": None,
                    "order_date": date(2024, 2, 29),
                    "sales": sales,
                    "quantity": 1,
                    "discount": Decimal("0.1250"),
                    "is_sales_outlier": False,
                    "profit_margin": Decimal("-0.333333"),
                    "ingestion_timestamp": _NOW,
                    "source_topic": self.topic,
                    "source_partition": 0,
                    "source_offset": self.offset,
                }
            )
            self.offset += 1
        empty = pl.from_arrow(arrow_schema(SILVER).empty_table())
        assert isinstance(empty, pl.DataFrame)
        return pl.DataFrame(made, schema=dict(empty.schema))


def lake_with(folder: Path, topic: str) -> Lake:
    """Return an empty silver table in a folder of Delta tables."""
    table = LakeTable(str(folder / "sales_silver"), SILVER, {topic: {0: 0}}, LINE_KEY)
    table.open()
    return Lake(table, topic)
