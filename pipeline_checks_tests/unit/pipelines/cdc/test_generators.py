"""Seed values follow from the seed and keep their promises."""

import random
from datetime import timedelta

import pytest

from pipeline_checks.pipelines.cdc.seed.generators import (
    AS_OF,
    CATEGORIES,
    STATUSES,
    Generator,
    large_text,
    total,
)

IDS = list(range(1, 51))


def everything(seed: int) -> list[object]:
    made = Generator(seed)
    return [
        *made.customers(50),
        *made.products(50),
        *made.orders(50, IDS, IDS),
        *made.inventory(50, IDS),
        *made.evolving(50),
    ]


def test_the_same_seed_gives_the_same_values_whatever_else_draws_numbers() -> None:
    first = everything(5)
    random.seed(99)
    random.random()
    assert everything(5) == first
    assert everything(6) != first


def test_more_rows_begin_with_the_same_rows() -> None:
    assert list(Generator(5).customers(80))[:50] == list(Generator(5).customers(50))


def test_customers_fit_their_columns() -> None:
    made = list(Generator(1).customers(500))
    assert len({row["email"] for row in made}) == 500
    assert max(len(row["phone"]) for row in made) <= 20
    assert all(row["country"] == "USA" and len(row["state"]) == 2 for row in made)
    assert all(AS_OF - timedelta(days=365) <= row["created_at"] <= AS_OF for row in made)


def test_the_amount_of_an_order_is_the_sum_of_its_items() -> None:
    for order, items in Generator(1).orders(300, IDS, IDS):
        assert order["total_amount"] == total(items)
        assert 10 <= order["total_amount"] <= 1000
        assert order["status"] in STATUSES
        assert AS_OF - timedelta(days=30) <= order["order_date"] <= AS_OF
        assert all(1 <= i["quantity"] <= 5 and i["unit_price"].as_tuple().exponent == -2 for i in items)


def test_a_movement_of_stock_adds_up() -> None:
    for row in Generator(1).inventory(300, IDS):
        signed = row["new_quantity"] - row["previous_quantity"]
        assert row["quantity"] == abs(signed)
        assert {"IN": signed > 0, "OUT": signed < 0, "ADJUSTMENT": abs(signed) <= 20}[row["transaction_type"]]
        assert row["new_quantity"] >= 0


def test_products_have_prices_and_stock_in_range() -> None:
    for row in Generator(1).products(300):
        assert 9 < row["price"] < 1000
        assert 0 <= row["stock_quantity"] <= 500
        assert row["category"] in CATEGORIES
        assert len(row["description"]) <= 200


def test_nothing_to_refer_to_is_refused() -> None:
    with pytest.raises(ValueError, match="no customers"):
        list(Generator(1).orders(1, [], IDS))
    with pytest.raises(ValueError, match="no products"):
        list(Generator(1).inventory(1, []))


def test_a_large_text_is_large() -> None:
    assert len(large_text(random.Random(1))) == 12_000
