"""The scenarios of the market data pipeline: each damage, and the exact findings that must tell of it."""

from __future__ import annotations

from pipeline_checks.faults.expectation import Expectation
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.pipelines.market_data.scenarios.feeds import feeds
from pipeline_checks.pipelines.market_data.scenarios.schemas import schemas
from pipeline_checks.pipelines.market_data.scenarios.services import services
from pipeline_checks.pipelines.market_data.scenarios.tables import tables
from pipeline_checks.pipelines.market_data.scenarios.topics import topics
from pipeline_checks.pipelines.market_data.scenarios.words import FEED


def scenarios() -> list[Scenario]:
    """Return all scenarios, in the order in which they are run."""
    return [*tables(), *schemas(), *services(), *topics(), *feeds()]


def at_rest() -> Expectation:
    """Return what may be said while nothing is damaged: an exchange that is idle has no fresh trades."""
    return Expectation((), {(FEED, "freshness"): frozenset({"PASS", "UNSETTLED"})})
