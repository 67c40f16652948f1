"""Lines of a CSV: what each becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline_checks.pipelines.sales.flow.judging import expressions as sql
from pipeline_checks.pipelines.sales.flow.judging.expressions import CORRUPT, RAW, Rule
from pipeline_checks.pipelines.sales.flow.judging.records import named
from pipeline_checks.pipelines.sales.flow.tables import LINE_ENVELOPE, LINE_FIELDS, MALFORMED

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from pipeline_checks.pipelines.sales.flow.configuration.model import Flow

_TEXTS: Final = (
    *("order_id", "ship_mode", "customer_id", "customer_name", "segment", "city", "state", "country", "postal_code"),
    *("market", "region", "product_id", "product_name", "order_priority"),
)
_UPPER: Final = ("category", "sub_category")
_MONEY: Final = ("sales", "profit", "shipping_cost")
_TOLD: Final = ("rejection_reason", "rejected_column", "rejected_value", "raw_record")
BAD_PAIRS: Final = (("Tokyo", "United States"), ("London", "France"), ("Paris", "Germany"))
"""Cities and countries that are known to be mixed up in what is sent: flagged, not rejected."""


def judged(records: DataFrame, flow: Flow) -> DataFrame:
    """Return one row for each record of ``sales_lines``: its typed columns, and its rejection where it has one."""
    fields = (*LINE_FIELDS, *LINE_ENVELOPE, *_TOLD, CORRUPT)
    schema = ", ".join(f"{name} STRING" for name in fields)
    parsed = named(records, schema)
    typed = parsed.selectExpr("*", *(f"{made} AS {name}" for name, made in _typed(flow).items()))
    flagged = typed.selectExpr("*", f"{sql.verdict(_rules(flow), sql.told_by_message())} AS rejection")
    return flagged.selectExpr(*_outcome(flow))


def _typed(flow: Flow) -> dict[str, str]:
    dates = {n: f"to_date(trim({RAW}.{n}), '{flow.date_format}')" for n in ("order_date", "ship_date")}
    sent = f"coalesce(try_to_timestamp({RAW}.event_timestamp), timestamp)"
    return {
        "lacking": sql.lacking(LINE_FIELDS),
        **{n: sql.text(n) for n in _TEXTS},
        **{n: f"upper({sql.text(n)})" for n in _UPPER},
        **{n: sql.decimal(n, 10, 2) for n in _MONEY},
        **dates,
        "source_row_id": sql.integer("row_id"),
        "quantity": sql.integer("quantity"),
        "discount": sql.decimal("discount", 5, 4),
        "source_row_number": sql.integer("source_row_number"),
        "sent_on": f"to_date({sent})",
    }


def _rules(flow: Flow) -> list[Rule]:
    longest = flow.max_text_length
    return [
        Rule(MALFORMED, "", sql.unwritable((*_TEXTS, *_UPPER))),
        Rule("missing_order_id", "order_id", "order_id IS NULL"),
        Rule("missing_product_id", "product_id", "product_id IS NULL"),
        Rule("invalid_sales", "sales", "sales IS NULL OR sales <= 0"),
        Rule("invalid_quantity", "quantity", "quantity IS NULL OR quantity <= 0"),
        Rule("invalid_discount", "discount", "discount IS NULL OR discount < 0 OR discount > 1"),
        Rule("missing_date", "order_date", "order_date IS NULL"),
        Rule("missing_date", "ship_date", f"ship_date IS NULL AND NOT {sql.blank('ship_date')}"),
        Rule("date_violation", "ship_date", "order_date > ship_date"),
        Rule("future_order_date", "order_date", "order_date > sent_on"),
        Rule(MALFORMED, "row_id", "source_row_id IS NULL"),
        *(Rule(MALFORMED, n, f"{n} IS NULL AND NOT {sql.blank(n)}") for n in ("profit", "shipping_cost")),
        *(Rule(MALFORMED, n, f"char_length({n}) > {longest}") for n in (*_TEXTS, *_UPPER)),
    ]


def _outcome(flow: Flow) -> list[str]:
    system = f"coalesce({RAW}.source_system, 'BATCH')"
    pairs = " OR ".join(f"(city = '{city}' AND country = '{country}')" for city, country in BAD_PAIRS)
    kept = ("source_row_id", *_TEXTS, *_UPPER, *_MONEY, "order_date", "ship_date", "quantity", "discount")
    rejected = "rejection IS NOT NULL"
    return [
        *kept,
        # The divisions carry more digits than are kept, so that what is rounded twice is as if rounded once.
        "CAST(CAST(sales AS DECIMAL(20,12)) / CAST(quantity AS DECIMAL(18,0)) AS DECIMAL(18,4)) AS unit_price",
        "CAST(CAST(profit AS DECIMAL(20,12)) / sales AS DECIMAL(18,6)) AS profit_margin",
        f"sales > {flow.sales_threshold} AS is_sales_outlier",
        f"CASE WHEN {pairs} THEN 'INVALID_CITY_COUNTRY' ELSE 'VALID' END AS geo_quality_flag",
        f"{system} AS source_system",
        f"{RAW}.source_file AS source_file",
        "source_row_number",
        f"sha2(concat_ws('||', source_row_id, order_id, product_id, {system}), 256) AS row_id",
        f"{RAW}.run_id AS run_id",
        "order_date AS partition_date",
        "timestamp AS ingestion_timestamp",
        *("topic AS source_topic", "CAST(partition AS BIGINT) AS source_partition", "offset AS source_offset"),
        *("rejection.reason AS rejection_reason", "rejection.column AS rejected_column"),
        "rejection.value AS rejected_value",
        f"CASE WHEN {rejected} THEN coalesce({RAW}.raw_record, make_valid_utf8(value)) END AS raw_record",
        *(f"CASE WHEN {rejected} THEN {RAW}.{n} END AS text_{n}" for n in LINE_FIELDS),
    ]
