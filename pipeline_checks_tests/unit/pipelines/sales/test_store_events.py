"""Store events: equal for equal plans, from any number on, with faults that the truth names."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import islice

import pytest

from pipeline_checks.pipelines.sales.flow.sending.store_events import Catalogue, EventPlan, events, truth
from pipeline_checks.pipelines.sales.seed.catalogue import products, write_reference

BEFORE = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    folder = tmp_path_factory.mktemp("reference")
    write_reference(folder, products(50, date(2026, 11, 21)), 10)
    return Catalogue.read(folder, BEFORE.date())


def test_a_sending_that_goes_on_makes_the_same_events(catalogue: Catalogue) -> None:
    plan = EventPlan(40, 7, 0.1, 0.1, 0.1)
    whole = list(events(plan, catalogue, BEFORE))
    assert [e.number for e in whole] == list(range(1, 41))
    assert list(events(plan, catalogue, BEFORE, 21)) == whole[20:]
    assert next(iter(events(EventPlan(40, 8), catalogue, BEFORE))) != whole[0]


def test_sound_events_add_up(catalogue: Catalogue) -> None:
    prices = {p["product_id"]: p["unit_price"] for p in catalogue.products}
    for one in events(EventPlan(50), catalogue, BEFORE):
        event = one.body
        price, discount = Decimal(str(event["unit_price"])), Decimal(str(event["discount"]))
        total = (price * event["quantity"] * (1 - discount)).quantize(Decimal("0.01"), ROUND_HALF_UP)
        assert price == prices[event["product_id"]] and Decimal(str(event["total_price"])) == total
        at = datetime.fromisoformat(event["sale_timestamp"])
        assert BEFORE - timedelta(hours=1) <= at <= BEFORE


def test_the_truth_names_every_fault_and_counts_them(catalogue: Catalogue) -> None:
    plan = EventPlan(1000, 7, 0.01, 0.005, 0.002)
    told, made = truth(plan), {e.number: e.body for e in events(plan, catalogue, BEFORE)}
    assert told["counts"] == {"messages": 1000, "silver": 993, "rejected": 2, "duplicate": 5, "nulls": 10}
    assert {n["number"]: n["column"] for n in told["nulls"]} == {
        number: column
        for number, body in made.items()
        for column in ("payment_method", "discount", "store_location")
        if column not in body
    }
    for record in told["records"]:
        body = made[record["number"]]
        if record["fate"] == "duplicate":
            assert body == made[record["of"]] and record["of"] < record["number"]
        else:
            assert body[record["column"]] is None or body[record["column"]] <= 0
    ids = [body["order_id"] for body in made.values()]
    assert len(ids) - len(set(ids)) == 5


def test_events_without_an_end_go_on(catalogue: Catalogue) -> None:
    assert len(list(islice(events(EventPlan(None), catalogue, BEFORE), 5))) == 5
    assert EventPlan(None).name != EventPlan(5).name
