"""Never green by absence."""

from __future__ import annotations

import pytest

from pipeline_checks.model.finding import Finding
from pipeline_checks.model.measure import CoverageState, KeyDifference
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement, Verdict
from pipeline_checks.verification.honesty import honest

STAGE = StageDeclaration(name="t", kind="delta_table")
MAY_BE_EMPTY = StageDeclaration(name="t", kind="delta_table", may_be_empty=True)
COVERED = CoverageState(True, 0.0, 10)
BEHIND = CoverageState(False, 4.0, 10, 5.0, "3 of 10 events of the cut are not covered")
UNKNOWN = CoverageState(None, None, 10)
PASS = Judgement(Verdict.PASS, "fine", {"rows": 10})
EMPTY = Judgement(Verdict.PASS, "fine", {"rows": 0})


@pytest.mark.parametrize(
    "kind",
    [
        *("counts", "schema", "duplicates", "freshness", "nulls", "values", "latency", "continuity", "accounting"),
        *("ordering", "transactions", "references", "expressions", "distribution"),
    ],
)
def test_a_pass_of_a_stage_behind_the_cut_is_unsettled_whatever_the_check(kind: str) -> None:
    assert honest(kind, STAGE, PASS, BEHIND, None).verdict is Verdict.UNSETTLED


def test_a_failure_stands_even_when_the_stage_is_behind() -> None:
    failed = Judgement(Verdict.FAIL, "2 duplicates", {"rows": 10}, findings=(Finding("duplicate", "t", "twice"),))
    assert honest("duplicates", STAGE, failed, BEHIND, None) is failed


def test_of_a_stage_that_cannot_say_what_it_covers_nothing_about_the_cut_is_proved() -> None:
    for kind in ("counts", "references"):
        assert honest(kind, STAGE, PASS, UNKNOWN, None).verdict is Verdict.UNSETTLED
    assert honest("duplicates", STAGE, PASS, UNKNOWN, None).verdict is Verdict.PASS


def test_a_pass_that_looked_at_nothing_does_not_stand() -> None:
    assert honest("nulls", STAGE, EMPTY, COVERED, None).verdict is Verdict.UNSETTLED
    assert honest("nulls", STAGE, Judgement(Verdict.PASS, "fine"), COVERED, None).verdict is Verdict.UNSETTLED


def test_an_empty_stage_passes_only_when_it_may_be_empty_and_must_be() -> None:
    nothing_expected = KeyDifference(0, 0, 0, 0, 0)
    rows_expected = KeyDifference(0, 0, 5, 5, 0)
    assert honest("counts", MAY_BE_EMPTY, EMPTY, COVERED, nothing_expected).verdict is Verdict.PASS
    assert honest("counts", MAY_BE_EMPTY, EMPTY, COVERED, rows_expected).verdict is Verdict.UNSETTLED
    assert honest("counts", STAGE, EMPTY, COVERED, nothing_expected).verdict is Verdict.UNSETTLED


def test_a_pass_of_a_covered_stage_that_looked_at_rows_stands() -> None:
    assert honest("counts", STAGE, PASS, COVERED, None) is PASS
