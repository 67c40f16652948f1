"""A shop that this project knows nothing of: a database, topics, a connector and tables of two lakes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import CommitProperties, write_deltalake
from pyiceberg.catalog.sql import SqlCatalog

from pipeline_checks.clients.kafka import consumer, producer
from pipeline_checks.clients.postgres import connect
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import Deadline
from pipeline_checks_tests.stack.own_connector import OwnConnector, own_connector
from pipeline_checks_tests.stack.topics import create

CUSTOMERS, ORDERS = 40, 90
DDL = f"""
CREATE TYPE order_state AS ENUM ('open', 'paid', 'sent');
CREATE TABLE customers (
  customer_id integer PRIMARY KEY, email varchar(80) NOT NULL, joined date, tags text[], prices numeric(9,2)[],
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE "Orders" (
  id bigint PRIMARY KEY, customer_id integer NOT NULL REFERENCES customers, state order_state NOT NULL,
  amount numeric(12,2) NOT NULL CHECK (amount >= 0), paid_by text CHECK (paid_by IN ('card', 'bill')),
  due_time timestamp, modified_at timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'));
CREATE TABLE order_lines (
  order_id bigint REFERENCES "Orders", line smallint, sku text NOT NULL, PRIMARY KEY (order_id, line));
CREATE TABLE visits (page text, seen_at timestamptz);
CREATE TABLE "odd ""one" (code uuid NOT NULL UNIQUE, "yes" boolean, "a: b" jsonb, happened timestamptz);
CREATE TABLE returns (return_id integer PRIMARY KEY, reason text);
CREATE TABLE closed (id integer PRIMARY KEY);
CREATE SCHEMA audit;
CREATE TABLE audit.log (entry_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text, created_at timestamptz);
INSERT INTO customers SELECT i, 'c' || i || '@shop.example', date '2024-01-01' + i, ARRAY['a', 'b'], '{{1.50}}'
  FROM generate_series(1, {CUSTOMERS}) i;
INSERT INTO "Orders" SELECT i, 1 + i % {CUSTOMERS}, (ARRAY['open', 'paid', 'sent'])[1 + i % 3]::order_state, i * 1.1,
  CASE WHEN i % 3 = 0 THEN 'card' END, '2031-01-01' FROM generate_series(1, {ORDERS}) i;
INSERT INTO order_lines SELECT 1 + i / 2, i % 2, 'sku' || i FROM generate_series(0, {ORDERS}) i;
INSERT INTO visits SELECT '/home', now() FROM generate_series(1, 5);
INSERT INTO "odd ""one" VALUES (gen_random_uuid(), true, '{{"a": 1}}', now());
INSERT INTO audit.log (what, created_at) VALUES ('begun', now());
"""


@dataclass(frozen=True)
class Shop:
    """The shop, with its lakes below ``folder``."""

    connector: OwnConnector
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """The variables that name its systems."""
        return {
            "SHOP_URL": self.connector.url,
            "SHOP_BROKERS": setting("KAFKA_BOOTSTRAP_SERVERS"),
            "SHOP_CONNECT": setting("CONNECT_URL"),
            "SHOP_LAKE": str(self.folder / "delta"),
            "SHOP_CATALOG": f"sqlite:///{self.folder}/catalog.db",
            "SHOP_WAREHOUSE": f"file://{self.folder}/iceberg",
        }

    @property
    def name(self) -> str:
        """The prefix of its topics."""
        return self.connector.name

    def topic(self, table: str) -> str:
        """The topic of a table."""
        return f"{self.name}.public.{table}"

    def fill_lakes(self) -> None:
        """Copy the customers, move the orders with what they cover, load both into Iceberg too."""
        with connect(self.connector.url) as database:
            customers = database.execute("SELECT customer_id, email, joined, created_at, updated_at FROM customers")
            frame = pl.DataFrame(
                customers.fetchall(), ["customer_id", "email", "joined", "created_at", "updated_at"], orient="row"
            ).with_columns(_loaded_at=pl.lit("2026-01-01"))
            rows = database.execute('SELECT id, customer_id, state::text, amount, paid_by FROM "Orders"').fetchall()
        schema = {
            "id": pl.Int64,
            "customer_id": pl.Int64,
            "state": pl.String,
            "amount": pl.Decimal(12, 2),
            "paid_by": pl.String,
        }
        orders = pl.DataFrame(rows, schema, orient="row")
        write_deltalake(self.folder / "delta" / "bronze" / "customers", frame.to_arrow())
        said = CommitProperties(custom_metadata={"upto": json.dumps({self.topic("Orders"): self.ends("Orders")})})
        write_deltalake(self.folder / "delta" / "orders", orders.to_arrow(), commit_properties=said)
        lines = pl.DataFrame({"line_id": [1, 2, 2], "customer_id": [1, 2, 3], "event_time": [None, None, None]})
        write_deltalake(
            self.folder / "delta" / "clicks", lines.with_columns(pl.col("event_time").cast(pl.String)).to_arrow()
        )
        catalog = SqlCatalog("shop", uri=self.environment["SHOP_CATALOG"], warehouse=self.environment["SHOP_WAREHOUSE"])
        catalog.create_namespace("gold")
        catalog.create_table("gold.customers", frame.to_arrow().schema).append(frame.to_arrow())
        upto = {"upto": json.dumps({self.topic("Orders"): self.ends("Orders")})}
        catalog.create_table("gold.orders", orders.to_arrow().schema).append(orders.to_arrow(), upto)

    def ends(self, table: str) -> dict[str, int]:
        """Return the next offset of each partition of a table's topic."""
        from confluent_kafka import TopicPartition

        asked = consumer(setting("KAFKA_BOOTSTRAP_SERVERS"))
        try:
            return {"0": asked.get_watermark_offsets(TopicPartition(self.topic(table), 0), timeout=10)[1]}
        finally:
            asked.close()

    def has(self, table: str, rows: int) -> bool:
        """Whether the topic of a table has so many events."""
        from confluent_kafka import KafkaException

        try:
            return self.ends(table)["0"] >= rows
        except KafkaException:
            return False  # the connector has not made the topic yet

    def send(self, topic: str, records: list[tuple[Any, Any]]) -> None:
        """Send records, key and value, each text or something for JSON."""
        create(topic, 1)
        sender = producer(setting("KAFKA_BOOTSTRAP_SERVERS"))
        for key, value in records:
            sender.produce(topic, key=_bytes(key), value=_bytes(value))
        assert sender.flush(20) == 0


def _bytes(value: Any) -> bytes | None:
    return value if value is None or isinstance(value, bytes) else json.dumps(value).encode()


@contextmanager
def foreign_shop(folder: Path) -> Iterator[Shop]:
    """Make the shop, wait until its connector has written all rows, and remove it at the end."""
    with own_connector("customers", DDL) as connector:
        shop = Shop(connector, folder)
        connector.start(**{"table.include.list": "public.customers,public.Orders"})
        written = {"customers": CUSTOMERS, "Orders": ORDERS}
        assert Deadline(60).wait_until(lambda: all(shop.has(table, rows) for table, rows in written.items()))
        shop.send(
            f"{shop.name}.clicks",
            [
                ({"click_id": i}, {"page": f"/{i}", "took": 1 if i % 2 else 1.5, "at": f"2026-01-01T10:00:{i:02}Z"})
                for i in range(30)
            ],
        )
        shop.send(f"{shop.name}.readings", [(None, {"id": 7, "ok": True, "seen": {"a": [1]}}) for _ in range(3)])
        shop.send(f"{shop.name}.pictures", [(None, b"\x89PNG")])
        create(f"{shop.name}.nothing", 1)
        shop.fill_lakes()
        yield shop
