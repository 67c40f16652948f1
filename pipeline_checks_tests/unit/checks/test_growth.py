"""growth: unusual counts are found, usual ones are not, and without history nothing is said to be proved."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline_checks.checks.expected_rows import expected_rows
from pipeline_checks.checks.growth import CHECK
from pipeline_checks.model.measure import Coverage, Grade, Measured, RowCount
from pipeline_checks.model.previous import CountedRows, Previous, PreviousState
from pipeline_checks.model.verdict import Judgement, Verdict
from pipeline_checks_tests.unit.checks.cases import BEHIND, COVERED, NOW, ORDERS, judge, table

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def judged(rows: Any, history: Sequence[tuple[datetime, int]], problem: str = "", **promise: Any) -> Judgement:
    """Judge a count against a history."""
    state = PreviousState(len(history), rows=tuple(CountedRows(*c) for c in history), problem=problem)
    stage = table(contract={**ORDERS, "growth": promise or None})
    counted = rows if isinstance(rows, Measured) else Measured(rows)
    return judge("growth", stage, {RowCount(): counted, Previous(): state, Coverage(): COVERED})


def history(count: int, rows: Callable[[datetime], float], every: timedelta = HOUR) -> list[tuple[datetime, int]]:
    """Return ``count`` counts up to one step before ``NOW``, each as ``rows`` tells."""
    times = (NOW - every * step for step in range(count, 0, -1))
    return [(at, round(rows(at))) for at in times]


def noisy(level: float, spread: float, seed: int = 7) -> Callable[[datetime], float]:
    chance = random.Random(seed)
    return lambda at: chance.gauss(level, spread)


STEADY = history(30, noisy(10_000, 50))


def test_only_a_stage_that_promises_it_gets_the_check() -> None:
    assert not CHECK.applies_to(table())
    assert not CHECK.applies_to(table(contract={**ORDERS, "growth": False}))
    for promise in (None, True, {}, {"deviations": 3}):
        assert CHECK.applies_to(table(contract={**ORDERS, "growth": promise}))


@pytest.mark.parametrize("promise", [{"deviations": 0}, {"tolerance": -1}, {"least_runs": 2}, {"severity": "error"}])
def test_a_promise_that_cannot_be_meant_is_refused(promise: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CHECK.configure(table(contract={**ORDERS, "growth": promise}))


@pytest.mark.parametrize("rows", [9_950, 10_000, 10_080])
def test_a_usual_count_passes(rows: int) -> None:
    judgement = judged(rows, STEADY)
    assert judgement.verdict is Verdict.PASS
    assert judgement.looked_at == {"runs": 30}
    assert "no season" in judgement.message


@pytest.mark.parametrize(
    ("rows", "kind", "change"),
    [(9_000, "missing", "shrunk"), (0, "missing", "shrunk"), (11_000, "unexpected", "grown")],
)
def test_an_unusual_count_is_one_finding(rows: int, kind: str, change: str) -> None:
    judgement = judged(rows, STEADY)
    assert judgement.verdict is Verdict.FAIL
    (finding,) = judgement.findings
    assert (finding.kind, finding.detail, finding.seen, finding.extra["change"]) == (kind, "anomaly", rows, change)
    assert finding.stage == "orders"
    assert abs(finding.expected["rows"] - 10_000) < 100


def test_an_unusual_count_is_a_warning_where_the_contract_says_so() -> None:
    judgement = judged(9_000, STEADY, severity="warn")
    assert judgement.verdict is Verdict.WARN
    assert len(judgement.findings) == judgement.total == 1


@pytest.mark.parametrize("count", [0, 1, 9])
def test_without_enough_history_nothing_is_proved_and_nothing_is_wrong(count: int) -> None:
    judgement = judged(3, STEADY[:count])
    assert judgement.verdict is Verdict.WARN
    assert judgement.looked_at == {"runs": 0}
    assert f"not enough history: {count} of 10 earlier counts" in judgement.message


def test_a_history_that_cannot_be_read_is_said_and_is_no_finding() -> None:
    judgement = judged(3, (), problem="the ledger is locked")
    assert judgement.verdict is Verdict.WARN
    assert "the ledger is locked" in judgement.message
    assert not judgement.findings


def test_a_count_that_is_only_a_bound_is_no_proof() -> None:
    assert judged(Measured(10_000, Grade.BOUND), STEADY).verdict is Verdict.WARN


def test_a_stage_that_grows_is_expected_to_go_on_growing() -> None:
    grows = history(60, lambda at: 1_000_000 + 1_000 * ((at - NOW) / DAY), DAY)
    assert judged(1_000_000, grows, tolerance=0).verdict is Verdict.PASS
    lost = judged(995_000, grows, tolerance=0)
    assert [(f.kind, f.extra["change"]) for f in lost.findings] == [("missing", "shrunk")]
    assert lost.measures["rows_per_day"] == pytest.approx(1_000)


def test_a_fault_that_was_mended_changes_no_expectation() -> None:
    with_a_hole = [(at, 0 if 10 < step < 15 else rows) for step, (at, rows) in enumerate(STEADY)]
    assert judged(10_000, with_a_hole).verdict is Verdict.PASS
    assert judged(9_000, with_a_hole).verdict is Verdict.FAIL


def test_a_stage_that_never_changed_may_do_so_by_the_tolerance() -> None:
    still = history(20, lambda at: 1_000)
    assert judged(1_010, still).verdict is Verdict.PASS
    assert judged(1_011, still).verdict is Verdict.FAIL
    assert judged(1_001, still, tolerance=0).verdict is Verdict.PASS
    assert judged(1_002, still, tolerance=0).verdict is Verdict.FAIL


def test_an_empty_stage_that_always_was_is_usual() -> None:
    assert judged(0, history(20, lambda at: 0)).verdict is Verdict.PASS
    assert judged(2, history(20, lambda at: 0)).verdict is Verdict.FAIL


def test_a_stage_behind_the_cut_is_judged_by_what_it_has_and_lowered_by_the_verification() -> None:
    # checks do not decide what is too early: verification/honesty.py does for all of them
    stage = table(contract={**ORDERS, "growth": None})
    state = PreviousState(len(STEADY), rows=tuple(CountedRows(*c) for c in STEADY))
    values = {RowCount(): 10_000, Previous(): state, Coverage(): BEHIND}
    assert judge("growth", stage, values).verdict is Verdict.PASS


def night_and_day(at: datetime) -> float:
    return 1_000 if 6 <= at.hour < 22 else 100


def test_an_hour_is_set_against_the_same_hour_when_there_are_enough() -> None:
    ten_days = history(24 * 10, night_and_day)
    judgement = judged(1_000, ten_days)
    assert judgement.verdict is Verdict.PASS
    assert "10 of this hour" in judgement.message
    assert judged(100, ten_days).verdict is Verdict.FAIL


def test_a_weekday_is_set_against_the_same_weekday_when_there_are_enough() -> None:
    weeks = history(7 * 10, lambda at: 50 if at.weekday() >= 5 else 500, DAY)
    judgement = judged(500, weeks)
    assert judgement.verdict is Verdict.PASS
    assert "10 of this weekday" in judgement.message


def test_weekday_and_hour_go_before_either() -> None:
    weeks = history(24 * 7 * 9, lambda at: night_and_day(at) * (3 if at.weekday() == NOW.weekday() else 1))
    judgement = judged(3_000, weeks)
    assert judgement.verdict is Verdict.PASS
    assert "9 of this weekday and hour" in judgement.message
    assert judged(1_000, weeks).verdict is Verdict.FAIL


@given(
    level=st.integers(1_000, 10**9),
    per_day=st.integers(-10, 10),
    every=st.sampled_from([HOUR, DAY, timedelta(minutes=1)]),
    count=st.integers(10, 60),
)
def test_a_straight_line_is_continued_whatever_its_slope(
    level: int, per_day: int, every: timedelta, count: int
) -> None:
    line = [(NOW - every * s, level - round(per_day * s * (every / DAY))) for s in range(count, 0, -1)]
    expected = expected_rows(line, NOW)
    assert abs(expected.rows - level) <= max(2, 0.001 * level)
    assert expected.deviation <= 2
