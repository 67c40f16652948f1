"""The scenarios of the churn pipeline: each damage at each stage, and the exact findings that must tell of it."""

from __future__ import annotations

from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.pipelines.churn.scenarios.inputs import inputs
from pipeline_checks.pipelines.churn.scenarios.outputs import dead_letters, predictions
from pipeline_checks.pipelines.churn.scenarios.services import services
from pipeline_checks.pipelines.churn.scenarios.sources import sources


def scenarios() -> list[Scenario]:
    """Return all scenarios, in the order in which they are run."""
    return [*predictions(), *dead_letters(), *sources(), *inputs(), *services()]
