"""A service dies while rows are compared: no wrong verdict comes of it, and a right one afterwards."""

from __future__ import annotations

from random import Random

import pytest

from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import RunResult
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.verification.options import Options
from pipeline_checks.verification.run import run_checks
from pipeline_checks_tests.cdc.load import Load, Shop
from pipeline_checks_tests.cdc.mover import kill, wait_until_ready
from pipeline_checks_tests.cdc.settling import Topics, settle
from pipeline_checks_tests.conftest import RunningStack

pytestmark = pytest.mark.leaves_damage

KINDS = ("counts", "reconcile", "duplicates")
IN_EVERY_RUN, IN_SOAK = ("postgres", "kafka"), ("connect", "cdc_mover", "cdc_api")
SERVICES = (*IN_EVERY_RUN, *IN_SOAK)
RIGHT_OR_NONE = (Verdict.PASS, Verdict.UNSETTLED, Verdict.ERROR)


@pytest.fixture(scope="module")
def broken(stack: RunningStack, pipeline: Pipeline, topics: Topics) -> set[tuple[str, str]]:
    """Stage and check of what other tests have damaged before."""
    wait_until_ready(stack)
    settle(topics)
    result = run_checks(pipeline, checks=KINDS)
    return {(c.stage, c.check) for c in result.checks if c.verdict is not Verdict.PASS}


def _told(result: RunResult) -> list[str]:
    return [f"{c.stage}.{c.check} {c.verdict}: {c.judgement.message}" for c in result.checks]


def _check_while(
    stack: RunningStack, pipeline: Pipeline, broken: set[tuple[str, str]], victim: str, message: int
) -> bool:
    """Check everything, and kill the victim when the session says its ``message``-th word; whether it came to that."""
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if len(said) == message:
            kill(stack, victim)

    result = run_checks(pipeline, checks=KINDS, options=Options(deadline=20, progress=say))
    judged = [(t, c) for t, c in zip(_told(result), result.checks, strict=True) if (c.stage, c.check) not in broken]
    wrong = [t for t, c in judged if c.verdict not in RIGHT_OR_NONE]
    assert wrong == [], f"{victim} was killed at {said[message - 1 : message]}"
    return len(said) >= message


def _check_afterwards(stack: RunningStack, pipeline: Pipeline, topics: Topics, broken: set[tuple[str, str]]) -> None:
    wait_until_ready(stack)
    settle(topics)
    result = run_checks(pipeline, checks=KINDS)
    passed = [c.verdict is Verdict.PASS or (c.stage, c.check) in broken for c in result.checks]
    assert all(passed), [t for t, ok in zip(_told(result), passed, strict=True) if not ok]


@pytest.mark.parametrize("victim", [*IN_EVERY_RUN, *(pytest.param(s, marks=pytest.mark.soak) for s in IN_SOAK)])
def test_a_kill_in_the_middle_of_a_comparison_gives_no_wrong_verdict(
    stack: RunningStack, pipeline: Pipeline, topics: Topics, broken: set[tuple[str, str]], victim: str
) -> None:
    messages = 2 + 2 * len(pipeline.stages)
    place = 1 + SERVICES.index(victim) * (messages // len(SERVICES))
    with Load(Shop().step, 50, seed=41) as load:
        load.go_on_for(20)
        assert _check_while(stack, pipeline, broken, victim, place)
    _check_afterwards(stack, pipeline, topics, broken)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_twenty_kills_at_random_places_give_no_wrong_verdict(
    stack: RunningStack, pipeline: Pipeline, topics: Topics, broken: set[tuple[str, str]]
) -> None:
    random = Random(42)
    with Load(Shop().step, 50, seed=42) as load:
        load.go_on_for(20)
        for number in range(20):
            _check_while(stack, pipeline, broken, SERVICES[number % 5], random.randint(1, 2 * len(pipeline.stages)))
            wait_until_ready(stack)
            settle(topics)
    _check_afterwards(stack, pipeline, topics, broken)
