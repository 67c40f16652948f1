"""Each thing is told once, its recovery once, and no recovery that nobody has seen."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline_checks.alerts.deciding import What, decide
from pipeline_checks.model.alerting import AlertsDeclaration
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.verification.ledger.alert_book import Alert
from pipeline_checks_tests.unit.alerts.outcomes import at, outcome

PASS, WARN, FAIL, UNSETTLED, ERROR = Verdict


class Story:
    """Runs one after the other, one an hour, over one check."""

    def __init__(self, **declared: Any) -> None:
        self.declared = AlertsDeclaration.model_validate(declared)
        self.alerts: dict[tuple[str, str], Alert] = {}
        self.hour = 0
        self.muted = False

    def run(self, verdict: Verdict, *kinds: str, hour: float | None = None) -> str:
        """Return what the next run has told, empty when nothing."""
        begun = self.hour if hour is None else hour
        self.hour += 1
        decision = decide(
            self.alerts, [outcome(verdict, begun, *kinds)], self.declared, lambda *_: self.muted, at(self.hour)
        )
        self.alerts |= {a.place: a for a in decision.alerts}
        self.alerts = {place: a for place, a in self.alerts.items() if a.closed_at is None}
        return "".join(str(i.what) for i in decision.items)


def told(*verdicts: Verdict, **declared: Any) -> list[str]:
    story = Story(**declared)
    return [story.run(v) for v in verdicts]


@pytest.mark.parametrize("wrong", [FAIL, ERROR, UNSETTLED])
def test_a_wrong_verdict_is_told_once_and_its_recovery_once(wrong: Verdict) -> None:
    assert told(PASS, wrong, wrong, wrong, PASS, PASS) == ["", "opened", "", "", "recovered", ""]


def test_what_never_went_wrong_is_not_told() -> None:
    assert told(PASS, WARN, PASS) == ["", "", ""]


def test_a_warning_is_told_where_it_is_wanted_and_else_is_a_recovery() -> None:
    assert told(WARN, FAIL, WARN) == ["", "opened", "recovered"]
    assert told(WARN, FAIL, WARN, PASS, verdicts=["warn", "fail"]) == ["opened", "changed", "", "recovered"]


@pytest.mark.parametrize("blind", [UNSETTLED, ERROR])
def test_what_could_not_be_judged_is_no_recovery(blind: Verdict) -> None:
    assert told(FAIL, blind, FAIL, PASS, verdicts=["fail"]) == ["opened", "", "", "recovered"]


def test_another_verdict_and_another_kind_of_finding_are_news_once() -> None:
    story = Story()
    assert story.run(FAIL, "missing") == "opened"
    assert story.run(FAIL, "missing", "changed") == "changed"
    assert story.run(ERROR) == "changed"
    assert [story.run(FAIL, "changed"), story.run(ERROR), story.run(FAIL, "missing")] == ["", "", ""]
    assert story.run(PASS) == "recovered"
    assert story.run(FAIL, "missing") == "opened"


def test_what_stays_wrong_is_told_again_after_a_time_only_where_that_is_wanted() -> None:
    assert told(FAIL, FAIL, FAIL, FAIL, FAIL, repeat="2h") == ["opened", "", "repeated", "", "repeated"]


def test_an_older_run_says_nothing_more() -> None:
    story = Story()
    story.run(FAIL, hour=5)
    assert story.run(PASS, hour=4) == ""
    assert story.run(PASS, hour=6) == "recovered"


def test_a_mute_holds_back_and_tells_what_is_still_wrong_behind_it() -> None:
    story = Story()
    story.muted = True
    assert [story.run(FAIL), story.run(FAIL)] == ["", ""]
    story.muted = False
    assert [story.run(FAIL), story.run(PASS)] == ["opened", "recovered"]


def test_what_came_and_went_under_a_mute_is_never_told() -> None:
    story = Story()
    story.muted = True
    assert [story.run(FAIL), story.run(PASS)] == ["", ""]
    story.muted = False
    assert story.run(PASS) == ""


def test_a_recovery_under_a_mute_is_told_behind_it() -> None:
    story = Story()
    story.run(FAIL)
    story.muted = True
    assert story.run(PASS) == ""
    story.muted = False
    assert story.run(PASS) == "recovered"


def test_what_fails_again_before_its_recovery_was_told_is_the_same_alert() -> None:
    story = Story()
    story.run(FAIL)
    story.muted = True
    story.run(PASS)
    story.muted = False
    assert [story.run(FAIL), story.run(PASS)] == ["", "recovered"]


def test_checks_are_told_apart() -> None:
    outcomes = [outcome(FAIL, check="counts"), outcome(FAIL, check="schema"), outcome(PASS, stage="pg")]
    decision = decide({}, outcomes, AlertsDeclaration(), lambda stage, check: check == "schema", at(1))
    assert [(i.outcome.place, i.what) for i in decision.items] == [(("lake", "counts"), What.OPENED)]
    assert {a.place for a in decision.alerts} == {("lake", "counts"), ("lake", "schema")}
