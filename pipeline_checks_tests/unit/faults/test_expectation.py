"""What was found against what had to be: nothing missing, nothing more, nothing twice."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline_checks.faults.expectation import ANY_CHECK, Expectation, differences, finding
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.result import CheckResult
from pipeline_checks.model.verdict import Judgement, Verdict


def said(verdict: Verdict, *findings: Finding, check: str = "counts", total: int | None = None) -> CheckResult:
    return CheckResult("lake", check, Judgement(verdict, "as it is", findings=findings, findings_total=total), 0.1)


def missing(key: int, stage: str = "lake") -> Finding:
    return Finding("missing", stage, "it is gone", key={"id": key})


def expected(*keys: int, **more: Any) -> Expectation:
    return Expectation(tuple(finding("lake", "counts", "missing", key={"id": k}, **more) for k in keys))


def texts(expectation: Expectation, *checks: CheckResult) -> list[str]:
    return [d.text for d in differences(expectation, checks)]


def test_exactly_the_expected_findings_are_no_difference() -> None:
    assert texts(expected(1, 2), said(Verdict.FAIL, missing(2), missing(1))) == []
    assert texts(Expectation(), said(Verdict.PASS), said(Verdict.WARN, check="latency")) == []


@pytest.mark.parametrize(
    ("expectation", "check", "words"),
    [
        (expected(1, 2), said(Verdict.FAIL, missing(1)), ['not found: lake.counts: missing {"id": 2}']),
        (expected(1), said(Verdict.FAIL, missing(1), missing(2)), ["found and not expected: lake.counts: missing"]),
        (expected(1), said(Verdict.FAIL, missing(1), missing(1)), ["found and not expected: lake.counts: missing"]),
        (expected(1), said(Verdict.FAIL, missing(1, "topic")), ["not found", "found and not expected"]),
        (Expectation(), said(Verdict.UNSETTLED), ["lake.counts is UNSETTLED, not PASS or WARN: as it is"]),
        (Expectation(), said(Verdict.FAIL), ["lake.counts is FAIL, not PASS or WARN"]),
        (expected(1), said(Verdict.FAIL, missing(1), total=7), ["lake.counts counts 7 findings and tells 1"]),
    ],
    ids=["missing", "more", "twice", "other stage", "not proved", "without a finding", "not told"],
)
def test_every_difference_is_told(expectation: Expectation, check: CheckResult, words: list[str]) -> None:
    found = texts(expectation, check)
    assert len(found) == len(words), found
    assert all(text.startswith(word) for text, word in zip(found, words, strict=True)), found


def test_a_difference_knows_where_it_is_seen_and_who_is_blamed() -> None:
    (found, _) = differences(Expectation(), [said(Verdict.FAIL, missing(1, "topic"))])
    assert (found.seen_at, found.blamed) == ("lake", "topic")


def test_a_range_is_one_finding_with_its_interval() -> None:
    lost = Finding(
        "missing", "lake", "25 keys", detail="range", extra={"keys_total": 25, "events": {"partition": 0, "first": 3}}
    )
    wanted = finding("lake", "counts", "missing", detail="range", key={"partition": 0, "first": 3, "keys": 25})
    assert texts(Expectation((wanted,)), said(Verdict.FAIL, lost, total=25)) == []


def test_verdicts_are_allowed_by_check_or_for_a_whole_stage_but_never_instead_of_a_finding() -> None:
    unsettled = frozenset({"UNSETTLED"})
    behind = Expectation(
        expected(1).findings, {("lake", ANY_CHECK): unsettled, ("lake", "schema"): frozenset({"ERROR"})}
    )
    found = [
        said(Verdict.FAIL, missing(1)),
        said(Verdict.UNSETTLED, check="nulls"),
        said(Verdict.ERROR, check="schema"),
    ]
    assert texts(behind, *found) == []
    assert texts(behind, said(Verdict.FAIL, missing(1)), said(Verdict.PASS, check="nulls")) == [
        "lake.nulls is PASS, not UNSETTLED: as it is"
    ]


def test_two_damages_are_expected_together() -> None:
    both = expected(1).and_also(Expectation(expected(2).findings, {("lake", "schema"): frozenset({"ERROR"})}))
    assert len(both.findings) == 2
    assert both.allowed("lake", "schema") == {"ERROR"}
