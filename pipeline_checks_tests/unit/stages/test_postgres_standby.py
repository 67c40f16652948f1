"""Which transactions a standby's snapshot sees, from what it tells of them before and after."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pipeline_checks.model.cut import TransactionSnapshot
from pipeline_checks.stages.postgres_standby import _decided, _Known


def decided(known: _Known, snapshot: str, running: Collection[int]) -> TransactionSnapshot | None:
    """Decide a snapshot, given which transactions run when they are asked for behind it."""

    def query(statement: Any, parameters: Any, *, what: str) -> list[tuple[Any, ...]]:
        listed, first, last = parameters
        return [(x,) for x in (*listed, *range(first, last + 1)) if x in running]

    return _decided(TransactionSnapshot.parse(snapshot), known, query)


def test_with_nothing_between_its_ends_the_first_snapshot_is_exact() -> None:
    assert decided(_Known(), "10:10:", ()) == TransactionSnapshot(10, 10)


def test_what_still_runs_afterwards_is_not_seen() -> None:
    assert decided(_Known(), "10:13:", {10, 11, 12}) == TransactionSnapshot(10, 13, frozenset({10, 11, 12}))


def test_what_ended_without_being_asked_before_is_undecided_and_then_seen() -> None:
    known = _Known()
    assert decided(known, "10:13:", {10}) is None
    assert decided(known, "10:13:", {10}) == TransactionSnapshot(10, 13, frozenset({10}))


def test_what_ends_between_two_questions_asks_for_another_snapshot() -> None:
    known = _Known()
    assert decided(known, "10:13:", {10, 12}) is None
    assert decided(known, "10:15:", {10}) is None, "12 ended, 13 and 14 are new and have ended"
    assert decided(known, "10:15:", {10}) == TransactionSnapshot(10, 15, frozenset({10}))
    assert decided(known, "10:16:", {10, 15}) == TransactionSnapshot(10, 16, frozenset({10, 15}))


def test_a_transaction_that_ended_below_the_least_running_one_is_of_no_more_concern() -> None:
    known = _Known()
    assert decided(known, "10:12:", {10, 11}) == TransactionSnapshot(10, 12, frozenset({10, 11}))
    assert decided(known, "12:12:", ()) == TransactionSnapshot(12, 12)
