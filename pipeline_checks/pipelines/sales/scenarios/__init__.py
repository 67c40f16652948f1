"""The scenarios of the sales pipeline: damages at each stage, data sets with their ledgers, faults under load."""

from __future__ import annotations

from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.pipelines.sales.scenarios.data_sets import data_sets
from pipeline_checks.pipelines.sales.scenarios.errors.scenarios import errors
from pipeline_checks.pipelines.sales.scenarios.files import files
from pipeline_checks.pipelines.sales.scenarios.lake import lake
from pipeline_checks.pipelines.sales.scenarios.warehouse import warehouse


def scenarios() -> list[Scenario]:
    """Return all scenarios, in the order in which they are run."""
    return [*lake(), *warehouse(), *files(), *errors(), *data_sets()]
