"""Verdicts: what a check says, and the whole that several verdicts make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pipeline_checks.model.finding import Finding


class Verdict(StrEnum):
    """What a check says of its stage."""

    PASS = "PASS"
    WARN = "WARN"
    FAIL = "FAIL"
    UNSETTLED = "UNSETTLED"
    """The stage had not reached the position by the deadline."""
    ERROR = "ERROR"
    """The check could not look."""


_WORST_LAST = (Verdict.PASS, Verdict.WARN, Verdict.UNSETTLED, Verdict.ERROR, Verdict.FAIL)


def overall(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict of a whole: the worst one, a FAIL before what could not be judged.

    Nothing at all is an ERROR: a run that evaluated no check proves nothing.

    >>> overall([Verdict.PASS, Verdict.UNSETTLED]), overall([])
    (<Verdict.UNSETTLED: 'UNSETTLED'>, <Verdict.ERROR: 'ERROR'>)
    """
    return max(verdicts, key=_WORST_LAST.index, default=Verdict.ERROR)


@dataclass(frozen=True)
class Judgement:
    """What a check concluded from its evidence.

    Parameters
    ----------
    looked_at:
        What the check looked at: ``{"rows": n}``, ``{"events": n}``, ``{"requests": n}``, ``{"tasks": n}`` and the
        like. A PASS that looked at nothing does not stand.
    measures:
        Named values for plots and reports (JSON values).
    findings:
        At most a sample; ``findings_total`` counts all.
    """

    verdict: Verdict
    message: str
    looked_at: Mapping[str, int] = field(default_factory=dict)
    measures: Mapping[str, Any] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    findings_total: int | None = None

    @property
    def total(self) -> int:
        """How many findings there are, listed or not."""
        return len(self.findings) if self.findings_total is None else self.findings_total
