"""How verdicts look: one sign and one colour each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from pipeline_checks.model.verdict import Verdict

SIGNS: Final[dict[Verdict, str]] = {
    Verdict.PASS: "✅",
    Verdict.WARN: "⚠️",
    Verdict.FAIL: "❌",
    Verdict.UNSETTLED: "⏳",
    Verdict.ERROR: "💥",
}
STYLES: Final[dict[Verdict, str]] = {
    Verdict.PASS: "green",
    Verdict.WARN: "yellow",
    Verdict.FAIL: "bold red",
    Verdict.UNSETTLED: "magenta",
    Verdict.ERROR: "bold magenta",
}
"""Styles of ``rich``."""


def tally(verdicts: Iterable[Verdict]) -> str:
    """Return how many verdicts there are of each kind.

    >>> tally([Verdict.PASS, Verdict.FAIL, Verdict.PASS])
    '3 checks: 2 PASS, 1 FAIL'
    """
    counts = Counter(verdicts)
    number = sum(counts.values())
    parts = ", ".join(f"{counts[v]} {v}" for v in Verdict if counts[v])
    return f"{number} {'check' if number == 1 else 'checks'}{': ' if parts else ''}{parts}"
