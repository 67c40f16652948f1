"""The scenarios of the CDC pipeline: each damage at each stage, and the exact findings that must tell of it."""

from __future__ import annotations

from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.pipelines.cdc.scenarios.current import current_tables, positions
from pipeline_checks.pipelines.cdc.scenarios.logs import change_logs
from pipeline_checks.pipelines.cdc.scenarios.services import connectors, services
from pipeline_checks.pipelines.cdc.scenarios.topics import sources, topics


def scenarios() -> list[Scenario]:
    """Return all scenarios, in the order in which they are run."""
    return [*current_tables(), *change_logs(), *sources(), *topics(), *positions(), *connectors(), *services()]
