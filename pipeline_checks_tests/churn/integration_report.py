"""What the runner of the integration tests writes: counts and results from the JUnit XML, a summary for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr


@dataclass(frozen=True)
class Figures:
    """What the tests told; ``properties`` are those that the test of the whole flow recorded."""

    tests: int = 0
    failed: tuple[str, ...] = ()
    skipped: int = 0
    properties: Mapping[str, str] = field(default_factory=dict)

    def result(self, *, passed: bool) -> dict[str, Any]:
        """Return the result for machines; figures that no test told are null."""
        told = self.properties
        sent, received = (_number(told.get(name)) for name in ("messages_sent", "predictions_received"))
        return {
            "messages_sent": sent,
            "predictions_received": received,
            "success_rate": None if not sent or received is None else received / sent,
            "customer_id_overlap": _number(told.get("customer_id_overlap")),
            "status": "PASSED" if passed else "FAILED",
        }


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def read_junit(file: Path) -> Figures:
    """Return the figures of a JUnit file."""
    cases = list(ElementTree.parse(file).iter("testcase"))
    failed = tuple(
        str(case.get("name")) for case in cases if case.find("failure") is not None or case.find("error") is not None
    )
    skipped = sum(case.find("skipped") is not None for case in cases)
    told = {str(p.get("name")): str(p.get("value")) for case in cases for p in case.iter("property")}
    return Figures(len(cases), failed, skipped, told)


def write_missing_junit(file: Path, why: str) -> None:
    """Write a file that tells an error, where the tests did not come to write theirs."""
    if file.exists():
        return
    file.write_text(
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<testsuites><testsuite name="kafka_integration" tests="1" errors="1" failures="0" skipped="0">'
        '<testcase classname="kafka_integration" name="environment">'
        f"<error message={quoteattr(why)}/></testcase></testsuite></testsuites>\n",
        encoding="utf-8",
    )


def write_summary(file: Path, environment: Mapping[str, Any], code: int, why: str, figures: Figures) -> str:
    """Write the summary for people and return it."""
    lines = [f"{name}: {value}" for name, value in environment.items()]
    lines += [f"tests: {figures.tests}, failed: {len(figures.failed)}, skipped: {figures.skipped}"]
    lines += [f"failed: {name}" for name in figures.failed]
    lines += [f"exit code: {code} ({why})", f"result: {'PASSED' if code == 0 else 'FAILED'}"]
    text = "\n".join(lines) + "\n"
    file.write_text(text, encoding="utf-8")
    return text
