"""The tables of the flow: what the lines of a CSV and the store events are at each stage.

A line's ``Row ID`` is ``row_id`` as text in file, message and quarantine; typed it is ``source_row_id``, and ``row_id``
is then the SHA-256 of ``source_row_id||order_id||product_id||source_system``. Text is trimmed, runs of blanks, tabs and
line breaks become one blank, an empty text is null; ``category`` and ``sub_category`` are in upper case.
``discount`` may be 1, and ``profit``, ``shipping_cost`` and most texts null.
"""

from __future__ import annotations

from typing import Final

from pipeline_checks.pipelines.sales.flow.columns import Column, columns

LINES_TOPIC: Final = "sales_lines"
EVENTS_TOPIC: Final = "sales_events"
PARTITIONS: Final = 3

HEADINGS: Final = {
    "Row ID": "row_id",
    "Order ID": "order_id",
    "Order Date": "order_date",
    "Ship Date": "ship_date",
    "Ship Mode": "ship_mode",
    "Customer ID": "customer_id",
    "Customer Name": "customer_name",
    "Segment": "segment",
    "City": "city",
    "State": "state",
    "Country": "country",
    "Postal Code": "postal_code",
    "Market": "market",
    "Region": "region",
    "Product ID": "product_id",
    "Category": "category",
    "Sub-Category": "sub_category",
    "Product Name": "product_name",
    "Sales": "sales",
    "Quantity": "quantity",
    "Discount": "discount",
    "Profit": "profit",
    "Shipping Cost": "shipping_cost",
    "Order Priority": "order_priority",
}
"""The columns of a CSV in their order, and their names in messages."""
LINE_FIELDS: Final = tuple(HEADINGS.values())
LINE_ENVELOPE: Final = (
    *("event_timestamp", "source_system", "producer_id", "source_file", "source_row_number", "run_id"),
)
"""What a message of ``sales_lines`` holds besides; ``source_row_number`` is a number, the others are text.

The message of a line that cannot be read has no fields of a line, but ``rejection_reason``, ``rejected_column``,
``rejected_value`` and ``raw_record``.
"""
LINE_KEY: Final = ("order_id", "product_id")

_FROM: Final = """
source_topic
source_partition: int64
source_offset: int64
"""

SILVER: Final = columns(
    """
source_row_id: int64
order_id
order_date: date
ship_date: date
ship_mode
customer_id
customer_name
segment
city
state
country
postal_code
market
region
product_id
category
sub_category
product_name
sales: decimal(10,2)
quantity: int64
discount: decimal(5,4)
profit: decimal(10,2)
shipping_cost: decimal(10,2)
order_priority
unit_price: decimal(18,4)
profit_margin: decimal(18,6)
is_sales_outlier: bool
geo_quality_flag
source_system
source_file
source_row_number: int64
row_id
run_id
batch_id
partition_date: date
ingestion_timestamp: timestamptz
processing_timestamp: timestamptz"""
    + _FROM,
    required=(*LINE_KEY, "order_date", "sales", "quantity", "discount", "source_topic", "source_partition"),
)
"""``partition_date`` is the order's day, ``ingestion_timestamp`` when Kafka took the message in."""

QUARANTINE: Final = columns(
    "\n".join(LINE_FIELDS)
    + """
rejection_reason
rejected_column
rejected_value
raw_record
source_file
source_row_number: int64"""
    + _FROM
    + """
run_id
batch_id
ingestion_timestamp: timestamptz
""",
    required=("rejection_reason", "source_topic", "source_partition", "source_offset"),
)
"""Rejected lines and duplicates. ``raw_record`` is the message's value."""

EVENT_FIELDS: Final = (
    *("order_id", "store_id", "product_id", "product_name", "category", "quantity", "unit_price", "total_price"),
    *("sale_timestamp", "customer_id", "payment_method", "discount", "store_location"),
)
REQUIRED_EVENT_FIELDS: Final = EVENT_FIELDS[:10]
EVENT_KEY: Final = ("order_id",)

EVENTS_SILVER: Final = columns(
    """
order_id
store_id
product_id
product_name
category
quantity: int64
unit_price: decimal(10,2)
total_price: decimal(10,2)
sale_timestamp: timestamptz
customer_id
payment_method
discount: decimal(5,4)
store_location
source_system
run_id
batch_id
partition_date: date
ingestion_timestamp: timestamptz
processing_timestamp: timestamptz"""
    + _FROM,
    required=(*REQUIRED_EVENT_FIELDS, "source_topic", "source_partition", "source_offset"),
)
EVENTS_QUARANTINE: Final = columns(
    "\n".join(EVENT_FIELDS)
    + """
rejection_reason
rejected_column
rejected_value
raw_record"""
    + _FROM
    + """
run_id
batch_id
ingestion_timestamp: timestamptz
""",
    required=("rejection_reason", "source_topic", "source_partition", "source_offset"),
)
IDENTITY: Final = ("source_topic", "source_partition", "source_offset")
"""What a row of any of the four tables came from: each message is in exactly one of its feed's two tables."""

MISSING_COLUMN: Final = "missing_column"
MALFORMED: Final = "malformed_record"
DUPLICATE: Final = "duplicate"
REASONS: Final = (
    MISSING_COLUMN,
    MALFORMED,
    "missing_order_id",
    "missing_product_id",
    "invalid_sales",
    "invalid_quantity",
    "invalid_discount",
    "missing_date",
    "date_violation",
    "future_order_date",
    DUPLICATE,
)
"""Why a line or an event is in quarantine, in the order in which it is judged: the first that applies."""

DELTA: Final = {
    "sales_silver": SILVER,
    "sales_quarantine": QUARANTINE,
    "events_silver": EVENTS_SILVER,
    "events_quarantine": EVENTS_QUARANTINE,
}
"""The Delta tables, folders of ``SALES_DELTA_PATH``."""

PRODUCTS: Final = columns(
    """
product_id
product_name
category
sub_category
brand
unit_cost: decimal(10,2)
unit_price: decimal(10,2)
effective_date: date
is_active: bool
""",
    required=("product_id", "effective_date"),
)
STORES: Final = columns(
    """
store_id
store_name
location
city
state
country
region
store_type
opening_date: date
effective_date: date
is_active: bool
""",
    required=("store_id", "effective_date"),
)
REFERENCES: Final = {"products.csv": "product_raw", "stores.csv": "store_raw"}
"""Files of ``SALES_REFERENCE_PATH`` and the tables that they are loaded into whole."""

RAW_SCHEMA: Final = "raw"
LOADED: Final = {"sales_silver": "sales_batch_raw", "events_silver": "sales_raw"}
"""Delta tables and the tables of the warehouse that are kept equal to them."""
RAW: Final[dict[str, tuple[tuple[Column, ...], tuple[str, ...]]]] = {
    "sales_batch_raw": (SILVER, LINE_KEY),
    "sales_raw": (EVENTS_SILVER, EVENT_KEY),
    "product_raw": (PRODUCTS, ("product_id", "effective_date")),
    "store_raw": (STORES, ("store_id", "effective_date")),
}
"""Tables of the warehouse: columns and primary key."""
LOADS: Final = columns(
    """
table_name
delta_version: int64
covers: json
loaded_rows: int64
loaded_at: timestamptz
""",
    required=("table_name", "covers", "loaded_rows", "loaded_at"),
)
"""``raw.loads``: one row for each load (``load_id`` counts them), written in the load's own transaction.

``covers`` is what the Delta version covers, ``{topic: {partition: next offset}}``; of a reference file its digest.
``loaded_rows`` are the rows written or removed; ``delta_version`` is null for reference files.
"""
