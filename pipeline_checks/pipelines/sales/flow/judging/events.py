"""Store events: what each becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline_checks.pipelines.sales.flow.judging import expressions as sql
from pipeline_checks.pipelines.sales.flow.judging.expressions import CORRUPT, RAW, Rule
from pipeline_checks.pipelines.sales.flow.judging.records import named
from pipeline_checks.pipelines.sales.flow.tables import EVENT_FIELDS, MALFORMED, REQUIRED_EVENT_FIELDS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from pipeline_checks.pipelines.sales.flow.configuration.model import Flow

_TEXTS: Final = (
    *("order_id", "store_id", "product_id", "product_name", "customer_id", "payment_method", "store_location"),
)
_NEEDED: Final = ("store_id", "product_name", "category", "customer_id")
_AHEAD: Final = "INTERVAL 5 MINUTES"
"""By so much the clock of a store may be ahead of the broker's."""


def judged(records: DataFrame, flow: Flow) -> DataFrame:
    """Return one row for each record of ``sales_events``: its typed columns, and its rejection where it has one."""
    parsed = named(records, ", ".join(f"{name} STRING" for name in (*EVENT_FIELDS, CORRUPT)))
    typed = parsed.selectExpr("*", *(f"{made} AS {name}" for name, made in _typed().items()))
    return typed.selectExpr("*", f"{sql.verdict(_rules(flow))} AS rejection").selectExpr(*_outcome())


def _typed() -> dict[str, str]:
    return {
        "lacking": sql.lacking(REQUIRED_EVENT_FIELDS),
        **{n: sql.text(n) for n in _TEXTS},
        "category": f"upper({sql.text('category')})",
        **{n: sql.decimal(n, 10, 2) for n in ("unit_price", "total_price")},
        "quantity": sql.integer("quantity"),
        "discount": sql.decimal("discount", 5, 4),
        "sale_timestamp": f"try_to_timestamp(trim({RAW}.sale_timestamp))",
    }


def _rules(flow: Flow) -> list[Rule]:
    return [
        Rule(MALFORMED, "", sql.unwritable((*_TEXTS, "category"))),
        Rule("missing_order_id", "order_id", "order_id IS NULL"),
        Rule("missing_product_id", "product_id", "product_id IS NULL"),
        *(Rule("invalid_sales", n, f"{n} IS NULL OR {n} <= 0") for n in ("unit_price", "total_price")),
        Rule("invalid_quantity", "quantity", "quantity IS NULL OR quantity <= 0"),
        Rule(
            "invalid_discount",
            "discount",
            f"discount < 0 OR discount > 1 OR (discount IS NULL AND NOT {sql.blank('discount')})",
        ),
        Rule("missing_date", "sale_timestamp", "sale_timestamp IS NULL"),
        Rule("future_order_date", "sale_timestamp", f"sale_timestamp > timestamp + {_AHEAD}"),
        *(Rule(MALFORMED, n, f"{n} IS NULL") for n in _NEEDED),
        *(Rule(MALFORMED, n, f"char_length({n}) > {flow.max_text_length}") for n in (*_TEXTS, "category")),
    ]


def _outcome() -> list[str]:
    rejected = "rejection IS NOT NULL"
    return [
        *EVENT_FIELDS,
        "'KAFKA' AS source_system",
        "run_id",
        "to_date(sale_timestamp) AS partition_date",
        "timestamp AS ingestion_timestamp",
        *("topic AS source_topic", "CAST(partition AS BIGINT) AS source_partition", "offset AS source_offset"),
        *("rejection.reason AS rejection_reason", "rejection.column AS rejected_column"),
        "rejection.value AS rejected_value",
        f"CASE WHEN {rejected} THEN make_valid_utf8(value) END AS raw_record",
        *(f"CASE WHEN {rejected} THEN {RAW}.{n} END AS text_{n}" for n in EVENT_FIELDS),
    ]
