"""Scenarios: a damage done to a pipeline, and exactly what its checks must then report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline_checks.faults.expectation import Expectation
from pipeline_checks.faults.fault import Fault
from pipeline_checks.faults.injury import Injury


@dataclass(frozen=True)
class Scenario:
    """One scenario of a pipeline.

    Parameters
    ----------
    target:
        The stage or service that is damaged.
    area:
        The stages that the damage may be seen at. Scenarios whose areas have no stage in common can share one
        verification.
    expects:
        Makes of the injury what the checks must say.
    alone:
        The damage can be seen everywhere: it shares a verification with no other.
    then:
        What happens between damage and verification, such as writes to the source.
    deadline:
        Seconds that the stages are given to settle while damaged, instead of what each declares.
    stages:
        The stages that are verified while damaged, all when None; only for who is alone.
    """

    name: str
    description: str
    fault: Fault
    target: str
    area: tuple[str, ...]
    expects: Callable[[Injury], Expectation]
    alone: bool = False
    then: Callable[[], None] | None = None
    deadline: float | None = None
    stages: tuple[str, ...] | None = None
