"""Names that speak for a key or an event time, edges between places, and the text of a proposal."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline_checks.introspection.edges import with_edges
from pipeline_checks.introspection.found import Candidate, Found, FoundColumn, LeftOut
from pipeline_checks.introspection.names import event_times, keys
from pipeline_checks.introspection.proving import pipeline_of
from pipeline_checks.introspection.writing import written
from pipeline_checks.model.logical_type import LogicalType


def columns(**types: str) -> dict[str, FoundColumn]:
    return {name: FoundColumn(LogicalType.parse(type_)) for name, type_ in types.items()}


ORDERS = columns(id="int64", customer_id="int32", amount="decimal(12,2)", note="string")


def table(name: str, has: dict[str, FoundColumn], **more: Any) -> Found:
    fields = {"connection": {"url": {"env": "SHOP_URL"}}, "table": f"public.{name}"}
    key = Candidate((next(iter(has)),), "its primary key", is_certain=True)
    place = ("shop", "public", name)
    return Found(f"pg_{name}", "postgres_table", name, fields, has, (key,), of_table=place).but(**more)


def topic(name: str, has: dict[str, FoundColumn]) -> Found:
    fields = {"brokers": {"env": "BROKERS"}, "topic": f"shop.public.{name}"}
    return Found(f"topic_{name}", "debezium_topic", name, fields, has, of_table=("shop", "public", name))


def delta(name: str, has: dict[str, FoundColumn], **more: Any) -> Found:
    return Found(f"delta_{name}", "delta_table", name, {"path": {"env": "LAKE"}, "table": name}, has).but(**more)


def joined(*found: Found) -> dict[str, Found]:
    places = with_edges(found)
    pipeline_of(written("shop", places), "the proposal")  # whatever is proposed can be read
    return {f.name: f for f in places}


@pytest.mark.parametrize(
    ("has", "named"),
    [
        ({"created_at": "timestamptz", "updated_at": "timestamptz"}, ["updated_at", "created_at"]),
        ({"lastModified": "timestamp", "eventTime": "timestamp"}, ["lastModified", "eventTime"]),
        ({"updated_at": "string", "due_date": "timestamp", "birthday": "date"}, []),
        ({"ts": "timestamptz", "inserted_on": "timestamp"}, ["ts", "inserted_on"]),
    ],
)
def test_names_that_speak_for_an_event_time(has: dict[str, str], named: list[str]) -> None:
    assert [c.columns[0] for c in event_times(columns(**has))] == named


@pytest.mark.parametrize(
    ("subject", "has", "named"),
    [
        ("orders", {"order_id": "int64", "id": "int64", "customer_id": "int64"}, ["id", "order_id"]),
        ("shop.clicks", {"clickId": "string", "page": "string"}, ["clickId"]),
        ("events", {"event_id": "uuid", "user_id": "int64"}, ["event_id"]),
        ("visits", {"user_id": "int64", "id": "float64"}, []),
    ],
)
def test_names_that_speak_for_a_key(subject: str, has: dict[str, str], named: list[str]) -> None:
    assert [c.columns[0] for c in keys(columns(**has), subject)] == named


def test_a_topic_is_made_from_the_table_that_its_events_name_and_a_lake_from_what_its_commits_name() -> None:
    lake = delta("anything", ORDERS, fed_by=("shop.public.orders",), commits_say="upto")
    found = joined(lake, topic("orders", ORDERS), table("orders", ORDERS))
    assert found["topic_orders"].upstream == ("pg_orders",)
    assert found["delta_anything"].upstream == ("topic_orders",)
    assert found["delta_anything"].fields["covers"] == {"commit_metadata": "upto"}
    assert found["topic_orders"].inherits and found["delta_anything"].inherits


@pytest.mark.parametrize(
    ("name", "has", "upstream"),
    [
        ("orders", ORDERS, ("pg_orders",)),
        ("stg_orders", {**ORDERS, **columns(_loaded_at="timestamptz")}, ("pg_orders",)),
        ("orders_v2", ORDERS, ("pg_orders",)),
        ("bills", ORDERS, ()),  # another name
        ("orders", columns(customer_id="int32", amount="decimal(12,2)", note="string"), ()),  # not its key
        ("orders", columns(id="int64", total="float64"), ()),  # few of its columns
    ],
)
def test_a_lake_is_made_from_a_table_of_like_name_and_columns(
    name: str, has: dict[str, FoundColumn], upstream: tuple[str, ...]
) -> None:
    found = joined(table("orders", ORDERS), delta(name, has))[f"delta_{name}"]
    assert found.upstream == upstream
    assert bool(found.notes) is not bool(upstream)


def test_of_two_tables_that_it_may_be_made_from_none_is_chosen() -> None:
    archived = table("orders", ORDERS).but(name="pg_old_orders", of_table=("shop", "old", "orders"))
    found = joined(table("orders", ORDERS), archived, delta("orders", ORDERS))["delta_orders"]
    assert found.upstream == ()
    assert "it may be made from pg_orders, pg_old_orders" in found.notes[0]


def test_records_with_their_places_are_changes_and_without_a_row_dead_letters() -> None:
    places = columns(_topic="string", _partition="int32", _offset="int64")
    said: dict[str, Any] = {"fed_by": ("shop.public.orders",), "commits_say": "upto"}
    log = delta("orders_log", {**ORDERS, **places, **columns(_seen="timestamptz")}, **said)
    letters = delta("letters", {**places, **columns(reason="string")}, **said)
    found = joined(table("orders", ORDERS), topic("orders", ORDERS), log, letters)
    assert found["delta_orders_log"].fields["mode"] == "changes"
    assert list(found["delta_orders_log"].ignored) == ["_seen"]
    assert found["delta_letters"].fields["mode"] == "dead_letters"
    assert list(found["delta_letters"].ignored) == ["reason"]


def test_a_narrower_copy_has_a_contract_of_its_own_that_says_what_it_has() -> None:
    found = joined(table("orders", ORDERS), delta("orders", columns(id="int64", customer_id="int64", amount="float64")))
    copy = found["delta_orders"]
    assert not copy.inherits
    assert {n: str(c.type) for n, c in copy.columns.items()} == {
        "id": "int64",
        "customer_id": "int64",
        "amount": "float64",
    }
    assert copy.key == table("orders", ORDERS).key
    assert "it has no column note" in copy.notes


def test_references_stay_within_a_lake() -> None:
    customers = columns(customer_id="int32", email="string")
    orders = table("orders", ORDERS, references={"customer_id": "pg_customers.customer_id"})
    both = joined(table("customers", customers), orders, delta("orders", ORDERS), delta("customers", customers))
    assert both["delta_orders"].references == {"customer_id": "pg_customers.customer_id"}
    alone = with_edges([table("customers", customers), orders, delta("orders", ORDERS)])
    assert next(f for f in alone if f.name == "delta_orders").references == {}
    pipeline = pipeline_of(written("shop", alone), "the proposal")
    assert pipeline.stage("pg_orders").contract.promises["references"]
    assert pipeline.stage("delta_orders").contract.promises["references"] == {}


def test_whatever_things_are_called_the_text_can_be_read() -> None:
    odd = columns(**{"a: b": "string", "yes": "bool", "#": "string", "x\ny": "int64", "{t}": "string", "07": "int64"})
    place = table("odd", odd, notes=("two\nlines: # of it",))
    text = written("shop", [place.but(keys=())], [LeftOut("a\nb", "c\nd")])
    contract = pipeline_of(text, "the proposal").stage("pg_odd").contract
    assert list(contract.columns) == list(odd)
    assert contract.says_no_key
    assert "#   a b: c d" in text
