"""Exit codes, the first that applies: 2 usage or configuration, 1 a FAIL, 3 unsettled or not evaluated, 0 passed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pipeline_checks.model.verdict import Verdict

PASSED: Final = 0
FAILED: Final = 1
USAGE: Final = 2
NOT_PROVED: Final = 3
INTERRUPTED: Final = 130


def code_of(verdict: Verdict, *, strict: bool = False) -> int:
    """Return the exit code of a verdict; ``strict`` turns a WARN into a failure.

    >>> from pipeline_checks.model.verdict import Verdict
    >>> [code_of(v) for v in Verdict], code_of(Verdict.WARN, strict=True)
    ([0, 0, 1, 3, 3], 1)
    """
    match str(verdict):
        case "PASS":
            return PASSED
        case "WARN":
            return FAILED if strict else PASSED
        case "FAIL":
            return FAILED
        case _:
            return NOT_PROVED
