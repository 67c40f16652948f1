"""Clean runs while the source is written to: no finding, nothing unsettled."""

from __future__ import annotations

import pytest

from pipeline_checks.checks.registry import KINDS as ALL_KINDS
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.verification.run import run_checks
from pipeline_checks_tests.cdc.conftest import MainJob
from pipeline_checks_tests.cdc.load import Load, Shop

KINDS = tuple(kind for kind in ALL_KINDS if kind != "latency")
"""Other tests before have held up events, which latency tells of for an hour."""
RATE = 50
MAY_BE_EMPTY = "delta_quarantine"


def _clean_run(pipeline: Pipeline, load: Load) -> None:
    before = load.changes
    result = run_checks(pipeline, checks=KINDS)
    load.go_on_for(1)
    told = [f"{c.stage}.{c.check} {c.verdict}: {c.judgement.message}" for c in result.checks]
    assert [t for t, c in zip(told, result.checks, strict=True) if c.verdict is not Verdict.PASS] == []
    assert [t for t, c in zip(told, result.checks, strict=True) if c.judgement.total] == []
    nothing = [c.stage for c in result.checks if not any(c.judgement.looked_at.values())]
    assert set(nothing) <= {MAY_BE_EMPTY}
    assert [s.name for s in result.stages if s.covers_cut is not True] == []
    assert {s.name for s in result.stages} == {s.name for s in pipeline.stages}
    assert load.changes > before, "nothing was written meanwhile"


def test_two_runs_in_a_row_are_clean_under_writes(main_job: MainJob, pipeline: Pipeline) -> None:
    with Load(Shop().step, RATE, seed=21) as load:
        load.go_on_for(RATE)
        for _ in range(2):
            _clean_run(pipeline, load)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_fifty_runs_in_a_row_are_clean_under_heavy_writes(main_job: MainJob, pipeline: Pipeline) -> None:
    with Load(Shop().step, 4 * RATE, seed=22) as load:
        load.go_on_for(RATE)
        for _ in range(50):
            _clean_run(pipeline, load)
