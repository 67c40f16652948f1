"""The market data stack as containers: its promises, its data, and what is left when containers are killed."""

from __future__ import annotations

import os
import signal

import pytest

from pipeline_checks.model.clock import Deadline, monotonic
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.pipelines.market_data.services import services
from pipeline_checks.pipelines.stack_promises import verify_stack
from pipeline_checks.stack.compose import ComposeProvider, compose_name
from pipeline_checks.stack.docker import run
from pipeline_checks.verification.discovery import load_pipeline
from pipeline_checks.verification.run import Options, run_checks

UP_SECONDS = 90


def promises(provider: ComposeProvider) -> dict[str, str]:
    return {c.check: f"{c.verdict} {c.judgement.message}" for c in verify_stack(provider, services()).checks}


def verdicts(found: dict[str, str]) -> dict[str, str]:
    return {topic: told.split()[0] for topic, told in found.items()}


def test_all_promises_are_kept_by_a_stack_that_was_just_started(market: ComposeProvider) -> None:
    found = promises(market)
    assert set(verdicts(found).values()) == {"PASS"}, found
    assert {"broker", "catalog", "registry", "monitoring", "start_order", "limits", "restarts"} <= set(found)


def test_starting_built_images_again_is_quick_and_keeps_the_data(market: ComposeProvider) -> None:
    market.down()
    assert all(s.state == "stopped" for s in market.status(services()))
    begun = monotonic()
    states = market.up(services())
    assert all(s.ready for s in states), states
    assert monotonic() - begun <= UP_SECONDS


def test_rows_that_went_through_containers_are_verified_from_outside(market: ComposeProvider) -> None:
    from pipeline_checks.pipelines.market_data.seed import seed

    seed(150, 42)
    pipeline = load_pipeline("market_data", None)
    result = run_checks(pipeline, None, None, Options(deadline=90))
    fine = (Verdict.PASS, Verdict.WARN)
    wrong = {(c.stage, c.check): c.judgement.message for c in result.checks if c.verdict not in fine}
    assert not wrong
    rows = {s.name: s.rows.value for s in result.stages if s.rows is not None}
    assert rows["trades_table"] == 150


@pytest.mark.parametrize("name", ["postgres", "market_writer", "kafka"])
def test_a_container_whose_program_is_killed_comes_back_and_is_told_of(market: ComposeProvider, name: str) -> None:
    before = market.project.container(compose_name(name))
    assert before is not None and before.pid is not None
    os.kill(before.pid, signal.SIGKILL)

    def is_back() -> bool:
        state = next(s for s in market.status(services()) if s.name == name)
        return state.ready and state.pid != before.pid

    assert Deadline(90).wait_until(is_back, every=0.2)
    after = market.project.container(compose_name(name))
    assert after is not None and after.restarts == before.restarts + 1
    assert Deadline(90).wait_until(lambda: all(s.ready for s in market.status(services())), every=0.2)


def test_a_container_that_stands_still_is_unhealthy_and_so_is_what_needs_it(market: ComposeProvider) -> None:
    container = market.project.container("market-registry")
    assert container is not None
    run(("pause", container.id))
    try:
        found = verify_stack(market, services())
    finally:
        run(("unpause", container.id))
    failed = {c.check: {f.stage for f in c.judgement.findings} for c in found.checks if c.verdict == Verdict.FAIL}
    assert {"market_registry"} <= failed["health"] <= {"market_registry", "market_api"}  # the API asks it as well
    assert failed["dependencies"] == {"market_prepare"}
    assert Deadline(60).wait_until(lambda: all(s.ready for s in market.status(services())), every=0.2)


def test_limits_and_policies_that_were_changed_behind_the_file_are_found_where_they_are(
    market: ComposeProvider,
) -> None:
    container = market.project.container("market-exchange")
    assert container is not None
    run(("update", "--pids-limit", "77", "--restart", "no", container.id))
    try:
        found = verify_stack(market, services())
    finally:
        run(("update", "--pids-limit", "256", "--restart", "unless-stopped", container.id))
    failed = {c.check: [(f.stage, f.seen) for f in c.judgement.findings] for c in found.checks if c.judgement.findings}
    assert failed["limits"] == [("market_exchange", "77")]
    assert failed["restarts"] == [("market_exchange", "no")]


def test_memory_beyond_the_limit_ends_the_program_not_the_machine(market: ComposeProvider) -> None:
    container = market.project.container("market-exchange")
    assert container is not None
    greedy = 'b"x" * (2 << 30)'
    ended = run(("exec", container.id, "sh", "-c", f"python -c '{greedy}'; echo code $?"))
    assert "code 137" in ended


def test_containers_of_the_stack_are_not_root_and_cannot_write_their_root(market: ComposeProvider) -> None:
    for container in market.project.containers():
        if not container.runs:
            continue
        told = run(("exec", container.id, "sh", "-c", "id -u; touch /usr/x 2>&1 || echo refused"))
        assert told.splitlines()[0] != "0", container.service
        assert told.splitlines()[-1] == "refused", container.service
