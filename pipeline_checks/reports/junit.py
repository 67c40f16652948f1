"""JUnit: one test suite a pipeline, one test case a check. Nothing is ever skipped."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from typing import Final

from pipeline_checks.model.result import CheckResult, RunResult
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.reports.text import clean, key_text, one_line, position_text

_OUTCOMES: Final[dict[Verdict, str]] = {
    Verdict.FAIL: "failure",
    Verdict.UNSETTLED: "error",
    Verdict.ERROR: "error",
}
"""Verdict to the element of a test case that did not pass."""


def render(results: Sequence[RunResult]) -> str:
    """Return the document, ending in a line feed."""
    root = ElementTree.Element("testsuites", name="pipeline-checks")
    for result in results:
        root.append(_suite(result))
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    root.set("time", f"{sum(result.seconds for result in results):.3f}")
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _suite(result: RunResult) -> ElementTree.Element:
    outcomes = [_OUTCOMES.get(check.verdict) for check in result.checks]
    nothing = not result.checks
    suite = ElementTree.Element(
        "testsuite",
        name=result.pipeline,
        tests=str(max(1, len(outcomes))),
        failures=str(outcomes.count("failure")),
        errors=str(outcomes.count("error") + nothing),
        skipped="0",
        time=f"{result.seconds:.3f}",
        timestamp=result.started_at.isoformat(),
    )
    properties = ElementTree.SubElement(suite, "properties")
    _property(properties, "run_id", result.run_id)
    _property(properties, "verdict", str(result.verdict))
    if result.cut is not None:
        for name, value in result.cut.to_json().items():
            _property(properties, f"cut.{name}", str(value))
    for check in result.checks:
        suite.append(_case(check))
    if nothing:  # an empty suite would count as green
        case = ElementTree.SubElement(suite, "testcase", classname=result.pipeline, name="verification", time="0.000")
        ElementTree.SubElement(case, "error", type="ERROR", message="no check was evaluated")
    return suite


def _property(properties: ElementTree.Element, name: str, value: str) -> None:
    ElementTree.SubElement(properties, "property", name=name, value=clean(value))


def _case(check: CheckResult) -> ElementTree.Element:
    case = ElementTree.Element("testcase", classname=check.stage, name=check.check, time=f"{check.seconds:.3f}")
    outcome = _OUTCOMES.get(check.verdict)
    message = one_line(check.judgement.message)
    if outcome is None:
        ElementTree.SubElement(case, "system-out").text = f"{check.verdict}: {message}"
        return case
    element = ElementTree.SubElement(case, outcome, type=str(check.verdict), message=message)
    element.text = _findings(check)
    return case


def _findings(check: CheckResult) -> str:
    if not check.judgement.findings:
        return clean(check.judgement.message)
    lines = []
    for finding in check.judgement.findings:
        place = ", ".join(part for part in (key_text(finding.key), position_text(finding.position)) if part)
        lines.append(clean(f"{finding.kind} at {finding.stage}{f' ({place})' if place else ''}: {finding.message}"))
    hidden = check.judgement.total - len(check.judgement.findings)
    if hidden > 0:
        lines.append(f"and {hidden} more")
    return "\n".join(lines)
