"""What may be said of a pipeline that is not damaged: to pass, and what its scenarios allow besides."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline_checks.faults.expectation import Expectation
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.result import CheckResult, RunResult
from pipeline_checks.model.verdict import Judgement, Verdict
from pipeline_checks.pipelines.parts import at_rest_of
from pipeline_checks.scenarios.runner import unclean
from pipeline_checks.verification.discovery import load_pipeline

IDLE = Expectation((), {("feed", "freshness"): frozenset({"PASS", "UNSETTLED"})})


def result(stage: str, check: str, verdict: Verdict, *findings: Finding) -> RunResult:
    judged = CheckResult(stage, check, Judgement(verdict, "said", findings=findings), 0.0)
    return RunResult("run", "p", datetime(2026, 1, 1, tzinfo=UTC), 0.0, None, checks=(judged,))


def test_what_is_unsettled_is_clean_only_where_it_is_allowed() -> None:
    assert unclean(result("feed", "freshness", Verdict.UNSETTLED), IDLE) == []
    assert unclean(result("feed", "freshness", Verdict.UNSETTLED)) == ["feed.freshness is UNSETTLED: said"]
    assert unclean(result("feed", "counts", Verdict.UNSETTLED), IDLE) != []
    assert unclean(result("feed", "counts", Verdict.WARN), IDLE) == []


def test_a_finding_is_never_clean() -> None:
    found = Finding("late", "feed", "too old")
    assert unclean(result("feed", "freshness", Verdict.UNSETTLED, found), IDLE) != []


def test_only_pipelines_that_tell_of_rest_allow_more_than_to_pass() -> None:
    market = at_rest_of(load_pipeline("market_data"))
    assert market.allowed("exchange_feed", "freshness") == {"PASS", "UNSETTLED"}
    assert market.allowed("trades_table", "freshness") == {"PASS", "WARN"}
    assert at_rest_of(load_pipeline("cdc")) == Expectation()
