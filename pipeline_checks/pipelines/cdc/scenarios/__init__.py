"""The scenarios of the CDC pipeline: each damage at each stage, and the exact findings that must tell of it."""

from __future__ import annotations

from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.pipelines.cdc.scenarios.current import current_tables


def scenarios() -> list[Scenario]:
    """Return all scenarios, in the order in which they are run."""
    return [*current_tables()]
