"""The source tables: their DDL, and the lake type of each captured column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_NOW: Final = "TIMESTAMP DEFAULT CURRENT_TIMESTAMP"


@dataclass(frozen=True)
class Column:
    """One column: its SQL type with constraints, and the type it has in the lakes."""

    name: str
    sql: str
    lake: str


@dataclass(frozen=True)
class Table:
    """One source table.

    ``touched`` says that a trigger sets ``updated_at`` on each update; ``joined`` maps a derived column of the lake
    tables to the columns it joins and the text between them.
    """

    name: str
    key: str
    columns: tuple[Column, ...]
    indexes: tuple[str, ...] = ()
    touched: bool = False
    captured: bool = True
    joined: tuple[tuple[str, tuple[str, ...], str], ...] = ()

    @property
    def lake_columns(self) -> dict[str, str]:
        """Name to lake type of the source columns."""
        return {c.name: c.lake for c in self.columns}


def _id(name: str) -> Column:
    return Column(name, "SERIAL PRIMARY KEY", "int64")


def _reference(name: str, table: str) -> Column:
    return Column(name, f"INTEGER NOT NULL REFERENCES {table}", "int64")


def _text(name: str, sql: str) -> Column:
    return Column(name, sql, "string")


def _instant(name: str) -> Column:
    return Column(name, _NOW, "timestamp")


def _money(name: str) -> Column:
    return Column(name, "DECIMAL(10,2) NOT NULL", "decimal(10,2)")


CUSTOMERS: Final = Table(
    "customers",
    "customer_id",
    (
        _id("customer_id"),
        _text("first_name", "VARCHAR(100) NOT NULL"),
        _text("last_name", "VARCHAR(100) NOT NULL"),
        _text("email", "VARCHAR(255) UNIQUE NOT NULL"),
        _text("phone", "VARCHAR(20)"),
        _text("address", "TEXT"),
        _text("city", "VARCHAR(100)"),
        _text("state", "VARCHAR(50)"),
        _text("zip_code", "VARCHAR(20)"),
        _text("country", "VARCHAR(100) DEFAULT 'USA'"),
        _instant("created_at"),
        _instant("updated_at"),
    ),
    indexes=("email",),
    touched=True,
    joined=(("full_name", ("first_name", "last_name"), " "), ("location", ("city", "state", "country"), ", ")),
)
ORDERS: Final = Table(
    "orders",
    "order_id",
    (
        _id("order_id"),
        _reference("customer_id", "customers"),
        _instant("order_date"),
        _money("total_amount"),
        _text("status", "VARCHAR(50) DEFAULT 'pending'"),
        _text("shipping_address", "TEXT"),
        _instant("created_at"),
        _instant("updated_at"),
    ),
    indexes=("customer_id", "status"),
    touched=True,
)
PRODUCTS: Final = Table(
    "products",
    "product_id",
    (
        _id("product_id"),
        _text("product_name", "VARCHAR(255) NOT NULL"),
        _text("description", "TEXT"),
        _text("category", "VARCHAR(100)"),
        _money("price"),
        Column("stock_quantity", "INTEGER DEFAULT 0", "int64"),
        _instant("created_at"),
        _instant("updated_at"),
    ),
    indexes=("category",),
    touched=True,
)
ORDER_ITEMS: Final = Table(
    "order_items",
    "order_item_id",
    (
        _id("order_item_id"),
        _reference("order_id", "orders"),
        _reference("product_id", "products"),
        Column("quantity", "INTEGER NOT NULL", "int64"),
        _money("unit_price"),
        _instant("created_at"),
    ),
    indexes=("order_id", "product_id"),
)
INVENTORY: Final = Table(
    "inventory",
    "transaction_id",
    (
        _id("transaction_id"),
        _reference("product_id", "products"),
        _text("transaction_type", "VARCHAR(20) NOT NULL CHECK (transaction_type IN ('IN', 'OUT', 'ADJUSTMENT'))"),
        Column("quantity", "INTEGER NOT NULL", "int64"),
        Column("previous_quantity", "INTEGER NOT NULL", "int64"),
        Column("new_quantity", "INTEGER NOT NULL", "int64"),
        _text("reason", "VARCHAR(255)"),
        _instant("transaction_date"),
    ),
    indexes=("product_id", "transaction_type", "transaction_date"),
)
SCHEMA_EVOLUTION_TEST: Final = Table(
    "schema_evolution_test",
    "id",
    (
        _id("id"),
        Column("version", "INTEGER NOT NULL DEFAULT 1", "int64"),
        _text("name", "VARCHAR(100) NOT NULL"),
        _text("description", "TEXT"),
        _text("status", "VARCHAR(50) DEFAULT 'active'"),
        _instant("created_at"),
        _instant("updated_at"),
    ),
    indexes=("status",),
    touched=True,
)
SCHEMA_VERSION_HISTORY: Final = Table(
    "schema_version_history",
    "version_id",
    (
        _id("version_id"),
        _text("table_name", "VARCHAR(255) NOT NULL"),
        Column("schema_version", "INTEGER NOT NULL", "int64"),
        _text("change_type", "VARCHAR(50) NOT NULL"),
        _text("change_description", "TEXT NOT NULL"),
        _instant("executed_at"),
        _text("executed_by", "VARCHAR(100) DEFAULT CURRENT_USER"),
    ),
    captured=False,
)

TABLES: Final = (CUSTOMERS, ORDERS, PRODUCTS, ORDER_ITEMS, INVENTORY, SCHEMA_EVOLUTION_TEST, SCHEMA_VERSION_HISTORY)
"""All tables, in the order given to readers."""
CAPTURED: Final = tuple(t for t in TABLES if t.captured)
"""The tables whose changes are captured."""
CREATION_ORDER: Final = (CUSTOMERS, PRODUCTS, *(t for t in TABLES if t not in (CUSTOMERS, PRODUCTS)))
"""All tables, referenced ones before those that refer to them."""

_TOUCH: Final = """CREATE OR REPLACE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.updated_at = CURRENT_TIMESTAMP; RETURN NEW; END $$"""


def ddl() -> list[str]:
    """Return the statements that create whatever of the schema is not there yet, in order."""
    statements = [_TOUCH]
    for table in CREATION_ORDER:
        columns = ", ".join(f"{c.name} {c.sql}" for c in table.columns)
        statements.append(f"CREATE TABLE IF NOT EXISTS {table.name} ({columns})")
        statements += [
            f"CREATE INDEX IF NOT EXISTS idx_{table.name}_{column} ON {table.name} ({column})"
            for column in table.indexes
        ]
        if table.touched:
            statements.append(
                f"CREATE OR REPLACE TRIGGER {table.name}_touch BEFORE UPDATE ON {table.name} "
                "FOR EACH ROW EXECUTE FUNCTION touch_updated_at()"
            )
    return statements
