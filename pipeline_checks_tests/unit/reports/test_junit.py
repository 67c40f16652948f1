"""JUnit: read back as a CI server reads it."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from pipeline_checks.model.result import RunResult
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.reports.junit import render
from pipeline_checks_tests.unit.reports.results import CHECKS, HOSTILE, checked, missing, run


def suites(*results: RunResult) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(render(results).encode("utf-8")))


def outcome(case: ElementTree.Element) -> str:
    return next((child.tag for child in case if child.tag in ("failure", "error", "skipped")), "passed")


def test_each_check_is_one_case_with_the_stage_as_its_class() -> None:
    (suite,) = suites(run())
    cases = suite.findall("testcase")
    assert [(c.get("classname"), c.get("name")) for c in cases] == [(c.stage, c.check) for c in CHECKS]
    assert {c.get("time") for c in cases} == {"0.250"}


def test_fail_is_a_failure_and_what_could_not_be_judged_an_error() -> None:
    (suite,) = suites(run())
    assert [outcome(c) for c in suite.findall("testcase")] == ["passed", "passed", "failure", "error", "error"]
    assert {n: suite.get(n) for n in ("tests", "failures", "errors", "skipped", "time")} == {
        "tests": "5",
        "failures": "1",
        "errors": "2",
        "skipped": "0",
        "time": "12.346",
    }


def test_a_warning_passes_and_is_told() -> None:
    (suite,) = suites(run(checked(Verdict.WARN, "no data")))
    assert suite.findtext("testcase/system-out") == "WARN: no data"


def test_a_failure_tells_its_findings_and_how_many_are_not_listed() -> None:
    (suite,) = suites(run(checked(Verdict.FAIL, "3 missing", (missing(),), 3)))
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert (failure.get("type"), failure.get("message")) == ("FAIL", "3 missing")
    assert failure.text == (
        "missing at delta_orders (order_id=4, version 57): order_id 4 is missing from delta_orders\nand 2 more"
    )


def test_an_error_tells_its_message() -> None:
    (suite,) = suites(run(checked(Verdict.ERROR, "could not look")))
    assert suite.findtext("testcase/error") == "could not look"


def test_hostile_text_is_read_back_without_control_characters_and_passwords() -> None:
    (suite,) = suites(run(checked(Verdict.FAIL, HOSTILE, (missing("\x00\ud800]]>", HOSTILE),), stage="delta_orders")))
    failure = suite.find("testcase/failure")
    assert failure is not None and failure.text is not None
    assert "<script>alert(1)</script>" in failure.text
    assert "]]>" in failure.text
    for text in (failure.text, failure.get("message", "")):
        assert "tiger" not in text and "\x1b" not in text


def test_a_run_that_evaluated_nothing_is_an_error_never_an_empty_suite() -> None:
    nothing = RunResult("r1", "shop", run().started_at, 0.0, None)
    (suite,) = suites(nothing)
    assert (suite.get("tests"), suite.get("errors")) == ("1", "1")
    assert [outcome(c) for c in suite.findall("testcase")] == ["error"]


def test_several_pipelines_are_several_suites_and_the_totals_are_theirs() -> None:
    text = render([run(pipeline="a"), run(checked(Verdict.PASS), pipeline="b")])
    root = ElementTree.fromstring(text.encode("utf-8"))
    assert [s.get("name") for s in root] == ["a", "b"]
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("6", "1", "2")
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n')
