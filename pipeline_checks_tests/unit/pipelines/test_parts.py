"""Whose services are shown: those of pipelines that were brought up, all where none was."""

from __future__ import annotations

import pytest

from pipeline_checks.pipelines.parts import services_of, states_of
from pipeline_checks.stack.service import Service
from pipeline_checks.stack.status import ServiceState, State
from pipeline_checks.verification.discovery import load_pipeline

PIPELINES = [load_pipeline("cdc"), load_pipeline("market_data")]
CDC, MARKET = ({s.name for s in services_of([p])} for p in PIPELINES)


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        ({}, CDC | MARKET),
        ({"kafka": "ready", "postgres": "ready"}, CDC | MARKET),
        ({"kafka": "ready", "cdc_mover": "ready"}, CDC),
        ({"kafka": "failed", "cdc_mover": "stopped"}, CDC),
        ({"market_api": "unready"}, MARKET),
        ({"market_api": "ready", "cdc_api": "failed"}, CDC | MARKET),
        ({"cdc_api": "ready", "other": "ready"}, CDC | {"other"}),
    ],
)
def test_services_of_pipelines_that_were_never_brought_up_are_not_missed(
    found: dict[str, State], shown: set[str]
) -> None:
    def status(services: list[Service]) -> list[ServiceState]:
        names = {s.name for s in services} | set(found)
        return [ServiceState(name, found.get(name, "absent")) for name in sorted(names)]

    assert {s.name for s in states_of(PIPELINES, status)} == shown
