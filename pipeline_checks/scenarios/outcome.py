"""What became of a scenario."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline_checks.faults.expectation import Expectation, ExpectedFinding
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.model.result import CheckResult

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Outcome:
    """One scenario that was run, or could not be.

    ``differences`` are those to the expectation; ``found_by`` the checks that reported it, as stage and kind of check,
    ``blamed`` the stages they blame. ``keys_exact`` says that the reported keys are the expected ones. ``seconds`` are
    those of doing the damage and of the checks of its stages. ``recovery_seconds`` are those from the repair until all
    was caught up, of faults that measure it.
    """

    scenario: Scenario
    differences: tuple[str, ...]
    injury: str = ""
    found_by: tuple[str, ...] = ()
    blamed: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()
    keys: int = 0
    keys_exact: bool = False
    seconds: float = 0.0
    recovery_seconds: float | None = None

    @property
    def exact(self) -> bool:
        """Whether everything was as expected."""
        return not self.differences

    def to_json(self) -> dict[str, Any]:
        """Return the outcome as the report shows it."""
        return {
            "scenario": self.scenario.name,
            "description": self.scenario.description,
            "fault": self.scenario.fault.name,
            "target": self.scenario.target,
            "exact": self.exact,
            "differences": list(self.differences),
            "injury": self.injury,
            "found_by": list(self.found_by),
            "blamed": list(self.blamed),
            "verdicts": list(self.verdicts),
            "keys": self.keys,
            "keys_exact": self.keys_exact,
            "seconds": round(self.seconds, 3),
            **({} if self.recovery_seconds is None else {"recovery_seconds": round(self.recovery_seconds, 3)}),
        }


def judged(
    scenario: Scenario,
    expected: Expectation,
    checks: Iterable[CheckResult],
    differing: Sequence[str],
    injury: str,
    injecting: float,
) -> Outcome:
    """Return the outcome by what the checks said of the scenario's stages."""
    everything = list(checks)
    own = [c for c in everything if c.stage in scenario.area]
    found = [
        (c, f) for c in everything for f in c.judgement.findings if c.stage in scenario.area or f.stage in scenario.area
    ]
    keys = {ExpectedFinding.of(c, f).key for c, f in found}
    return Outcome(
        scenario,
        tuple(differing),
        injury,
        found_by=tuple(dict.fromkeys(f"{c.stage}.{c.check}" for c, _ in found)),
        blamed=tuple(dict.fromkeys(f.stage for _, f in found)),
        verdicts=tuple(sorted({str(c.verdict) for c in own})),
        keys=len(keys - {None}),
        keys_exact=keys == {f.key for f in expected.findings},
        seconds=injecting + sum(c.seconds for c in own),
    )


def document(pipeline: str, outcomes: Sequence[Outcome], seconds: float | None = None) -> dict[str, Any]:
    """Return the document of ``scenario --json``."""
    return {
        "schema_version": SCHEMA_VERSION,
        "pipeline": pipeline,
        "exact": bool(outcomes) and all(o.exact for o in outcomes),
        "seconds": None if seconds is None else round(seconds, 3),
        "scenarios": [o.to_json() for o in outcomes],
    }
