"""Who starts and stops the services that tests need: the tests, or somebody else."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from pipeline_checks.stack.providers import DEFAULT, VARIABLE

SKIP_VARIABLE: Final = "SKIP_PIPELINE_MANAGEMENT"
"""Set to any value, the tests neither start nor stop anything."""

_PROBED_ONLY: Final = "external"


@dataclass(frozen=True)
class Mode:
    """How tests come to their services.

    Parameters
    ----------
    provider:
        The provider that is asked for them.
    managed:
        Whether the tests start them, and stop what they have started.
    reason:
        What decided, in words for the head of the test report.
    """

    provider: str
    managed: bool
    reason: str

    def __str__(self) -> str:
        what = "starts and stops what it needs" if self.managed else "only asks whether the services answer"
        return f"{what}: {self.reason}"


def mode_of(provider: str | None = None) -> Mode:
    """Return the mode that the environment asks for.

    ``provider`` goes before ``PIPELINE_CHECKS_PROVIDER``. With ``SKIP_PIPELINE_MANAGEMENT`` the services are those
    that the environment names, or else those of the stack that ``pipeline-checks up`` has started in the same home.
    """
    if os.environ.get(SKIP_VARIABLE):
        return Mode(_PROBED_ONLY, managed=False, reason=f"{SKIP_VARIABLE} is set")
    wanted = provider or os.environ.get(VARIABLE) or DEFAULT
    return Mode(wanted, managed=wanted != _PROBED_ONLY, reason=f"provider {wanted}")
