"""Which scenarios share a verification, and how their outcomes are written."""

from __future__ import annotations

from typing import Any

from pipeline_checks.faults import catalogue
from pipeline_checks.faults.expectation import Expectation, finding
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.result import CheckResult
from pipeline_checks.model.verdict import Judgement, Verdict
from pipeline_checks.scenarios.matrix import render
from pipeline_checks.scenarios.outcome import Outcome, document, judged
from pipeline_checks.scenarios.rounds import in_rounds


def scenario(name: str, *area: str, **more: Any) -> Scenario:
    return Scenario(name, name, catalogue.LOST_ROWS, area[0], area, lambda injury: Expectation(), **more)


def names(rounds: list[list[Scenario]]) -> list[list[str]]:
    return [[s.name for s in members] for members in rounds]


def test_scenarios_share_a_round_when_they_have_no_stage_in_common() -> None:
    found = in_rounds([scenario("a", "x", "y"), scenario("b", "z"), scenario("c", "y"), scenario("d", "x")])
    assert names(found) == [["a", "b"], ["c", "d"]]


def test_deadlines_are_not_mixed_and_the_lonely_come_last() -> None:
    found = in_rounds(
        [
            scenario("alone", "x", alone=True),
            scenario("soon", "y", deadline=3.0),
            scenario("a", "x"),
            scenario("b", "z"),
        ]
    )
    assert names(found) == [["a", "b"], ["soon"], ["alone"]]


def test_an_outcome_tells_who_found_it_and_whom_they_blame() -> None:
    lost = Finding("missing", "x", "gone", key={"id": 1})
    checks = [
        CheckResult("x", "counts", Judgement(Verdict.FAIL, "", findings=(lost,)), 0.5),
        CheckResult("x", "schema", Judgement(Verdict.PASS, ""), 0.25),
        CheckResult("y", "counts", Judgement(Verdict.PASS, ""), 9.0),
    ]
    expected = Expectation((finding("x", "counts", "missing", key={"id": 1}),))
    outcome = judged(scenario("a", "x"), expected, checks, [], "done", 0.25)
    assert (outcome.found_by, outcome.blamed, outcome.keys, outcome.keys_exact) == (("x.counts",), ("x",), 1, True)
    assert (outcome.exact, outcome.seconds) == (True, 1.0)


def test_the_matrix_has_a_line_a_scenario_and_says_what_is_not_exact() -> None:
    good = Outcome(scenario("a", "x"), (), found_by=("x.counts",), blamed=("x",), keys=2, keys_exact=True, seconds=1.5)
    bad = Outcome(scenario("b", "y"), ("it was not found",), verdicts=("ERROR", "UNSETTLED"))
    written = document("shop", [good, bad], 2.0)
    assert written["exact"] is False
    text = render(written)
    assert "| lost_rows | x | x.counts | x | 2 | yes | 1.50 |" in text
    assert "| lost_rows | y | ERROR, UNSETTLED | **no** | 0.00 |" in text
    assert "1 of 2 exact." in text


def test_no_scenario_at_all_is_not_exact() -> None:
    assert document("shop", [])["exact"] is False
