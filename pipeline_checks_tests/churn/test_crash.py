"""Consumers killed at random: with transactions nothing is lost or doubled; without, what is doubled is bounded."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from pipeline_checks.model.clock import Deadline
from pipeline_checks_tests.churn.customers import message, valid
from pipeline_checks_tests.churn.programs import Programs
from pipeline_checks_tests.churn.topics import Topics

MESSAGES, BATCH = 2000, 5
BAD_EVERY = 100
AT_WORK_SECONDS = 0.15
"""In which a consumer does less than a twentieth of the messages, most of the time."""


def send(topics: Topics) -> None:
    """Send valid messages, each hundredth with a category that nobody knows."""
    made = [valid(n) for n in range(MESSAGES)]
    topics.send(
        (m["customerID"], message(m, gender="Unknown") if n % BAD_EVERY == 0 else m) for n, m in enumerate(made)
    )


def let_pass(seconds: float) -> None:
    """Return at a moment that has nothing to do with what the consumer does."""
    moment = Deadline(seconds)
    moment.wait_until(lambda: moment.passed, every=0.002)


def kill_at_random(programs: Programs, topics: Topics, kills: int, seed: int, *options: str) -> None:
    """Kill so many consumers, each at a random moment behind its start; most of them amid their work."""
    random, amid = Random(seed), 0
    for _ in range(kills):
        consumer = programs.consumer(topics, "--batch-size", str(BATCH), "--instance", "0", *options)
        consumer.wait_until_said("partitions assigned")
        let_pass(random.uniform(0, AT_WORK_SECONDS))
        consumer.kill()
        amid += sum(topics.committed().values()) < MESSAGES
    assert amid > kills // 2, f"only {amid} of {kills} kills fell into work"


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=[pytest.mark.soak, pytest.mark.timeout(1200)])])
def test_with_transactions_every_message_has_exactly_one_outcome(
    programs: Programs, topics: Topics, kills: int
) -> None:
    send(topics)
    kill_at_random(programs, topics, kills, seed=kills)
    ended = programs.consume_all(topics, "--instance", "0")
    assert ended.code == 0, ended.errors
    bad = MESSAGES // BAD_EVERY
    assert topics.assert_conserved(MESSAGES) == Counter(predictions=MESSAGES - bad, dead_letters=bad)


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=[pytest.mark.soak, pytest.mark.timeout(1200)])])
def test_at_least_once_loses_nothing_and_doubles_at_most_a_batch_a_kill(
    programs: Programs, topics: Topics, kills: int
) -> None:
    send(topics)
    kill_at_random(programs, topics, kills, 7 * kills, "--delivery", "at-least-once")
    ended = programs.consume_all(topics, "--instance", "0", "--delivery", "at-least-once")
    assert ended.code == 0, ended.errors
    outcomes = Counter(r.source for topic in (topics.predictions, topics.dead_letters) for r in topics.read(topic))
    assert set(outcomes) == {r.place for r in topics.read(topics.raw)}
    doubled = outcomes.total() - MESSAGES
    assert 0 <= doubled <= kills * BATCH
    assert sum(topics.committed().values()) == MESSAGES
