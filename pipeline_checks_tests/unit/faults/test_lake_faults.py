"""Damage of tables on the local disk: done as described, written down beforehand, and taken back to the bit."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline_checks.faults import catalogue
from pipeline_checks.faults.fault import Fault, Target, inject, undo
from pipeline_checks.faults.injury import Injury, InjuryBook
from pipeline_checks.faults.lake_faults import RowFault
from pipeline_checks.faults.lake_table import covers_of, lake_table
from pipeline_checks.faults.row_damage import some_rows
from pipeline_checks.model.errors import ConfigurationError, TerminalError
from pipeline_checks.model.measure import Facts
from pipeline_checks.stages.registry import open_stage
from pipeline_checks_tests.unit.faults.stages import orders, target

BOTH = pytest.mark.parametrize("stage", ["delta_orders", "iceberg_orders"])
COMMITS = Facts("commits")


@pytest.fixture
def book(tmp_path: Path) -> InjuryBook:
    return InjuryBook(tmp_path / "injuries")


def held(where: Target) -> dict[int, dict[str, Any]]:
    return {row["order_id"]: row for row in lake_table(where.stage).rows().to_pylist()}


def counted(where: Target) -> int:
    return lake_table(where.stage).rows().num_rows


def commits(where: Target) -> list[dict[str, Any]]:
    reader = open_stage(where.stage)
    try:
        found: list[dict[str, Any]] = reader.at(reader.reached().position).answer(frozenset({COMMITS}))[COMMITS].value
    finally:
        reader.close()
    return found


@BOTH
@pytest.mark.parametrize(
    "fault",
    [
        *(catalogue.LOST_ROWS, catalogue.LOST_IN_BATCH, catalogue.DOUBLED_ROWS, catalogue.CENT_OFF, catalogue.NULLED),
        *(catalogue.STALE_ROW, catalogue.RESURRECTED_ROW, catalogue.UNKNOWN_ROW, catalogue.REWRITTEN),
        *(catalogue.DROPPED_COLUMN, catalogue.RENAMED_COLUMN, catalogue.RETYPED_COLUMN, catalogue.ADDED_COLUMN),
    ],
    ids=lambda fault: fault.name,
)
def test_what_is_undone_leaves_no_trace_in_rows_columns_or_history(
    stage: str, fault: Fault, tmp_path: Path, book: InjuryBook
) -> None:
    where = target(tmp_path, stage)
    rows, history = lake_table(where.stage).rows(), commits(where)
    injury = inject(fault, where, book)
    assert [i.id for i in book] == [injury.id]
    damaged = lake_table(where.stage).rows()
    assert damaged.schema != rows.schema or damaged.to_pylist() != rows.to_pylist() or injury.facts["commits"]
    undo(fault, where, injury, book)
    assert list(book) == []
    assert lake_table(where.stage).rows().equals(rows)
    assert commits(where) == history
    fault.undo(where, injury)  # a second time does no harm
    assert lake_table(where.stage).rows().equals(rows)


@BOTH
def test_lost_rows_are_those_of_the_injury(stage: str, tmp_path: Path, book: InjuryBook) -> None:
    where = target(tmp_path, stage)
    injury = inject(catalogue.LOST_ROWS, where, book)
    assert set(held(where)) == set(range(1, 11)) - {key["order_id"] for key in injury.keys}
    assert len(injury.keys) == 3
    (made,) = injury.facts["commits"]
    assert [(str(c["version"]), c["covers"]) for c in commits(where)][-1] == (made, None)


@BOTH
def test_in_the_movers_name_the_commit_covers_what_the_one_before_did(
    stage: str, tmp_path: Path, book: InjuryBook
) -> None:
    where = target(tmp_path, stage)
    before = covers_of(where.stage)
    inject(catalogue.LOST_IN_BATCH, where, book)
    assert (counted(where), commits(where)[-1]["covers"]) == (7, before.value())


@BOTH
def test_doubled_rows_stand_there_twice(stage: str, tmp_path: Path, book: InjuryBook) -> None:
    where = target(tmp_path, stage)
    inject(catalogue.DOUBLED_ROWS, where, book)
    assert (counted(where), len(held(where))) == (12, 10)


@BOTH
def test_a_cent_more_changes_one_amount_and_nothing_else(stage: str, tmp_path: Path, book: InjuryBook) -> None:
    where = target(tmp_path, stage)
    before = held(where)
    ((key,), facts) = (i := inject(catalogue.CENT_OFF, where, book)).keys, i.facts
    after = held(where)
    assert after[key["order_id"]]["amount"] - before[key["order_id"]]["amount"] == Decimal("0.01")
    assert facts["column"] == "amount"
    assert {k: v for k, v in after.items() if k != key["order_id"]} == {
        k: v for k, v in before.items() if k != key["order_id"]
    }


@BOTH
def test_a_stale_row_has_an_earlier_state_and_a_resurrected_one_was_deleted(
    stage: str, tmp_path: Path, book: InjuryBook
) -> None:
    where = target(tmp_path, stage)
    ((stale,), (deleted,)) = (
        inject(catalogue.STALE_ROW, where, book).keys,
        inject(catalogue.RESURRECTED_ROW, where, book).keys,
    )
    assert held(where)[stale["order_id"]]["status"] == "new"
    assert deleted == {"order_id": 11}
    assert 11 in held(where)


@BOTH
def test_columns_are_dropped_renamed_and_retyped(stage: str, tmp_path: Path, book: InjuryBook) -> None:
    where = target(tmp_path, stage)
    names: list[str] = [*orders(1).schema.names]
    for fault, expected in (
        (catalogue.DROPPED_COLUMN, {*names} - {"remark"}),
        (catalogue.RENAMED_COLUMN, ({*names} - {"remark"}) | {"remark_text"}),
        (catalogue.ADDED_COLUMN, {*names, "note"}),
    ):
        injury = inject(fault, where, book)
        assert {*lake_table(where.stage).rows().schema.names} >= expected
        undo(fault, where, injury, book)
    inject(catalogue.RETYPED_COLUMN, where, book)
    assert lake_table(where.stage).rows().schema.field("amount").type == pa.float64()


@BOTH
def test_a_table_that_others_have_written_to_since_is_not_taken_back(
    stage: str, tmp_path: Path, book: InjuryBook
) -> None:
    where = target(tmp_path, stage)
    injury = inject(catalogue.LOST_ROWS, where, book)
    lake_table(where.stage).append(orders(99), covers_of(where.stage))
    with pytest.raises(TerminalError, match="has been written to since it was damaged"):
        undo(catalogue.LOST_ROWS, where, injury, book)
    assert 99 in held(where)
    assert [i.id for i in book] == [injury.id]


def test_a_checkpoint_of_the_damage_goes_with_it(tmp_path: Path, book: InjuryBook) -> None:
    from deltalake import DeltaTable

    where = target(tmp_path, "delta_orders")
    DeltaTable(tmp_path / "orders").create_checkpoint()
    pointer = (tmp_path / "orders/_delta_log/_last_checkpoint").read_text()
    injury = inject(catalogue.LOST_ROWS, where, book)
    DeltaTable(tmp_path / "orders").create_checkpoint()
    undo(catalogue.LOST_ROWS, where, injury, book)
    assert (tmp_path / "orders/_delta_log/_last_checkpoint").read_text() == pointer
    assert len(held(where)) == 10


def test_the_injury_stands_in_the_book_before_anything_is_done(tmp_path: Path, book: InjuryBook) -> None:
    where = target(tmp_path, "delta_orders")

    class Failing(RowFault):
        def act(self, target: Target, injury: Injury) -> Injury:
            assert [i.id for i in book] == [injury.id]
            raise TerminalError("half done")

    failing = Failing("failing", "", some_rows(1), "gone")
    with pytest.raises(TerminalError, match="half done"):
        inject(failing, where, book)
    (left,) = book
    undo(failing, where, left, book)
    assert len(held(where)) == 10


def test_a_fault_refuses_what_it_cannot_act_on(tmp_path: Path, book: InjuryBook) -> None:
    where = target(tmp_path, "delta_orders")
    with pytest.raises(ConfigurationError, match="cannot act on"):
        inject(catalogue.FORGED_UPDATE, where, book)
    with pytest.raises(TerminalError, match="40 are needed"):
        inject(RowFault("many", "", some_rows(40), "gone"), where, book)
    assert list(book) == []
