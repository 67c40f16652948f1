"""The scenarios of the ingestion pipeline: each damage, and the exact findings that must tell of it."""

from __future__ import annotations

from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.pipelines.ingestion.scenarios.ledger import ledgers
from pipeline_checks.pipelines.ingestion.scenarios.objects import objects
from pipeline_checks.pipelines.ingestion.scenarios.services import services
from pipeline_checks.pipelines.ingestion.scenarios.tables import tables


def scenarios() -> list[Scenario]:
    """Return all scenarios, in the order in which they are run."""
    return [*tables(), *ledgers(), *objects(), *services()]
