"""Foreign keys between two tables, each at its own position; keys touched since the cut are left out on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest

from pipeline_checks.model.contract import Contract
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.measure import CoverageState
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.position import OffsetsPosition, VersionPosition
from pipeline_checks.model.row_promises import ReferenceDifference, References
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.verification.history import TopicHistory
from pipeline_checks.verification.references import reference_difference
from pipeline_checks.verification.settled import Settled
from pipeline_checks_tests.unit.verification.events import covers, cut_before, event, history

CUSTOMER = Contract.model_validate({"key": ["customer_id"], "columns": {"customer_id": "int64"}})
ORDER = Contract.model_validate({"key": ["order_id"], "columns": {"order_id": "int64", "customer_id": "int64"}})
PIPELINE = Pipeline(
    name="shop",
    stages=(
        StageDeclaration(name="pg_customers", kind="postgres_table", contract=CUSTOMER),
        StageDeclaration(name="pg_orders", kind="postgres_table", contract=ORDER),
        StageDeclaration(name="lake_customers", kind="delta_table", contract=CUSTOMER, from_=("pg_customers",)),
        StageDeclaration(name="lake_orders", kind="delta_table", contract=ORDER, from_=("pg_orders",)),
    ),
)
BY_NAME = References("customer_id", "lake_customers")


class Held:
    """A pinned table with the rows of a frame."""

    position = VersionPosition(7)

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame

    def rows(self, columns: Sequence[str] | None = None) -> pl.LazyFrame:
        return self._frame.select(columns or self._frame.columns).lazy()


class Tables:
    """What a session has pinned: the rows of each stage, and of some the events of their topic up to a position."""

    def __init__(
        self, customers: Any, orders: Any, events: dict[str, TopicHistory] | None = None, **changed: pl.DataFrame
    ) -> None:
        self._events = events or {}
        frames = {"pg_customers": customers, "lake_customers": customers, "pg_orders": orders, "lake_orders": orders}
        frames |= changed
        self._held = {name: Held(frame) for name, frame in frames.items()}
        self.at: dict[str, OffsetsPosition] = {}

    def settled(self, stage: StageDeclaration) -> Settled:
        held: Any = self._held[stage.name]
        return Settled(stage, held, CoverageState(True, 0.0, 1), self.at.get(stage.name))

    def source_of(self, stage: StageDeclaration) -> StageDeclaration | None:
        return next((PIPELINE.stage(name) for name in stage.from_), None)

    def topics_of(self, stage: StageDeclaration) -> list[StageDeclaration]:
        return [stage] if stage.name in self._events else []

    def history(self, topic: str) -> TopicHistory:
        return self._events[topic]


def customers(*ids: int | None, type_: Any = pl.Int64) -> pl.DataFrame:
    return pl.DataFrame({"customer_id": ids}, schema={"customer_id": type_})


def orders(*rows: tuple[int, int | None]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"order_id": pl.Int64, "customer_id": pl.Int64}, orient="row")


def found(tables: Any, asked: References = BY_NAME, stage: str = "lake_orders") -> ReferenceDifference:
    return reference_difference(PIPELINE, tables, tables.settled(PIPELINE.stage(stage)), asked)


def test_references_that_hold_have_nothing_to_tell_and_null_refers_to_nothing() -> None:
    difference = found(Tables(customers(1, 2, None), orders((10, 1), (11, 2), (12, 2), (13, None))))
    assert difference == ReferenceDifference(3, 0, against="lake_customers.customer_id")


def test_a_reference_to_nothing_is_told_with_key_and_value() -> None:
    difference = found(Tables(customers(1), orders((10, 1), (12, 3), (11, 2))))
    assert difference.dangling == (({"order_id": 11}, 2), ({"order_id": 12}, 3))
    assert difference.dangling_total == 2


def test_no_rows_refer_to_nothing_and_without_what_is_referred_to_all_do() -> None:
    assert found(Tables(customers(), orders())).rows == 0
    assert found(Tables(customers(), orders((10, 1)))).dangling_total == 1


def test_integers_may_differ_in_width_and_other_types_may_not() -> None:
    assert found(Tables(customers(1, type_=pl.Int32), orders((10, 1)))).dangling_total == 0
    with pytest.raises(ConfigurationError, match="the types differ"):
        found(Tables(pl.DataFrame({"customer_id": ["1"]}), orders((10, 1))))


@pytest.mark.parametrize(
    ("stage", "against"), [("lake_orders", "lake_customers.customer_id"), ("pg_orders", "pg_customers.customer_id")]
)
def test_by_its_source_the_stage_of_the_same_kind_is_meant(stage: str, against: str) -> None:
    asked = References("customer_id", "pg_customers", by_source=True)
    assert found(Tables(customers(1), orders((10, 1))), asked, stage).against == against


@pytest.mark.parametrize("asked", [References("customer_id", "customers"), References("customer_id", "x", None, True)])
def test_what_is_no_stage_is_refused(asked: References) -> None:
    with pytest.raises(ConfigurationError, match="no stage of shop"):
        found(Tables(customers(1), orders((10, 1))), asked)


def test_a_value_whose_row_was_deleted_after_the_cut_is_left_out() -> None:
    events = history([event(0, 0, "c", 1, 5), event(0, 1, "c", 2, 5), event(0, 2, "d", 2, 20)], cut=cut_before(10))
    tables = Tables(customers(1), orders((10, 2), (11, 3)), {"lake_customers": events})
    tables.at["lake_customers"] = covers({0: 3})
    difference = found(tables)
    assert (difference.dangling, difference.left_out) == ((({"order_id": 11}, 3),), 1)


def test_a_value_whose_row_the_table_does_not_have_yet_is_left_out() -> None:
    events = history([event(0, 0, "c", 1, 5), event(0, 1, "c", 2, 6)], cut=cut_before(10))
    tables = Tables(customers(1), orders((10, 2)), {"lake_customers": events})
    tables.at["lake_customers"] = covers({0: 1})
    assert (found(tables).dangling_total, found(tables).left_out) == (0, 1)


def test_a_truncate_between_cut_and_position_leaves_everything_out() -> None:
    events = history([event(0, 0, "c", 1, 5), event(0, 1, "t", None, 20)], cut=cut_before(10))
    tables = Tables(customers(), orders((10, 1)), {"lake_customers": events})
    tables.at["lake_customers"] = covers({0: 2})
    assert (found(tables).dangling_total, found(tables).left_out) == (0, 1)


def test_a_row_that_was_itself_touched_after_the_cut_is_left_out() -> None:
    frame = pl.DataFrame({"customer_id": [1, 2], "parent": [None, 9]})
    events = history([event(0, 0, "c", 1, 5), event(0, 1, "u", 2, 20)], cut=cut_before(10))
    tables = Tables(frame, orders(), {"lake_customers": events})
    tables.at["lake_customers"] = covers({0: 2})
    difference = found(tables, References("parent", "lake_customers"), "lake_customers")
    assert (difference.dangling_total, difference.left_out) == (0, 1)


def test_each_is_blamed_on_the_first_stage_whose_row_refers_to_nothing() -> None:
    source = orders((10, 1), (11, 9), (12, 1), (13, 2))
    tables = Tables(customers(1), orders((10, 1), (11, 9), (12, 8), (13, 2)), pg_orders=source)
    tables_held = Tables(
        customers(1), orders((10, 1), (11, 9), (12, 8), (13, 2)), pg_orders=source, pg_customers=customers(1, 2)
    )
    assert found(tables).first_stages == ("pg_orders", "lake_orders", "pg_orders")
    # What 13 refers to stands in the source: the lake's other table has lost it.
    assert found(tables_held).first_stages == ("pg_orders", "lake_orders", "lake_orders")
    assert found(tables_held, stage="pg_orders", asked=References("customer_id", "pg_customers")).first_stages == (
        "pg_orders",
    )
