"""What is promised of a stack's services, as a run of checks: reported like every other verification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import uuid4

from pipeline_checks.checks.services import judge, promised
from pipeline_checks.model import clock
from pipeline_checks.model.clock import monotonic
from pipeline_checks.model.result import CheckResult, RunResult, StageResult
from pipeline_checks.stack.providers import Provider
from pipeline_checks.stack.service import Service

STACK: Final = "stack"


def verify_stack(provider: Provider, services: Sequence[Service]) -> RunResult:
    """Return the verdicts about the services as they are now, one a promise."""
    begun, started = clock.now(), monotonic()
    facts = provider.facts(services)
    results = []
    for topic in promised(facts):
        since = monotonic()
        results.append(CheckResult(STACK, topic, judge(topic, facts), monotonic() - since))
    stage = StageResult(STACK, provider.name, None, None)
    return RunResult(uuid4().hex, STACK, begun, monotonic() - started, None, (stage,), tuple(results))
