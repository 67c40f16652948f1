"""Contracts taken from pandera schemas: what they promise is kept, what has no counterpart is refused."""

from __future__ import annotations

import pandera.pandas as pa
import pandera.polars as pp
import polars as pl
import pytest

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.values.pandera_contract import contract_from


class Customers(pa.DataFrameModel):
    customer_id: int = pa.Field(ge=1, unique=True)
    email: str = pa.Field(str_matches=r".+@.+", nullable=True)
    balance: float = pa.Field(in_range={"min_value": 0, "max_value": 10})
    status: str = pa.Field(isin=["b", "a"])


class Orders(pp.DataFrameModel):
    order_id: pl.Int32 = pp.Field(le=5)
    amount: pl.Decimal(10, 2)  # type: ignore[valid-type]
    ordered_at: pl.Datetime("us", "UTC")  # type: ignore[valid-type]


ITEMS = pa.DataFrameSchema({"order_id": pa.Column("Int64"), "line": pa.Column("int32")}, unique=["order_id", "line"])
OVER_ROWS = pa.DataFrameSchema({"a": pa.Column(int, pa.Check(lambda s: s > 1))})
TWO_UNIQUE = pa.DataFrameSchema({"a": pa.Column(int, unique=True), "b": pa.Column(int, unique=True)})
STRICT_RANGE = pa.DataFrameSchema({"a": pa.Column(int, pa.Check.gt(1))})
UNTYPED = pa.DataFrameSchema({"a": pa.Column()})
HERE = __name__


def test_a_model_of_pandas_becomes_a_contract() -> None:
    contract = contract_from(f"{HERE}:Customers")
    assert contract.key == ("customer_id",)
    assert {n: (str(c.type), c.nullable, c.promises) for n, c in contract.columns.items()} == {
        "customer_id": ("int64", False, {"min": 1}),
        "email": ("string", True, {"matches": "(?s:(?-s:.+@.+).*)"}),
        "balance": ("float64", False, {"min": 0, "max": 10}),
        "status": ("string", False, {"accepted": ["a", "b"]}),
    }


def test_a_model_of_polars_becomes_a_contract() -> None:
    contract = contract_from(f"{HERE}:Orders")
    assert {n: str(c.type) for n, c in contract.columns.items()} == {
        "order_id": "int32",
        "amount": "decimal(10,2)",
        "ordered_at": "timestamptz",
    }
    assert contract.columns["order_id"].promises == {"max": 5}


def test_columns_that_are_unique_together_are_the_key() -> None:
    assert contract_from(f"{HERE}:ITEMS").key == ("order_id", "line")


@pytest.mark.parametrize("name", ["OVER_ROWS", "TWO_UNIQUE", "STRICT_RANGE", "UNTYPED"])
def test_a_promise_without_counterpart_is_refused_and_not_dropped(name: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot promise"):
        contract_from(f"{HERE}:{name}")


@pytest.mark.parametrize("name", [f"{HERE}:Nowhere", "no_such_module:X", "json:dumps", "json"])
def test_a_name_that_leads_to_no_schema_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError):
        contract_from(name)
