"""Consumers killed at random: with transactions nothing is lost or doubled; without, what is doubled is bounded."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from pipeline_checks.model.clock import Deadline
from pipeline_checks_tests.churn.customers import message, valid
from pipeline_checks_tests.churn.programs import Programs
from pipeline_checks_tests.churn.topics import Topics

MESSAGES, BATCH = 2000, 50
BAD_EVERY = 100
LAST = MESSAGES - MESSAGES // BAD_EVERY - 2 * BATCH
"""The latest point of a kill, so that something is left to be done."""


def send(topics: Topics) -> None:
    """Send valid messages, each hundredth with a category that nobody knows."""
    made = [valid(n) for n in range(MESSAGES)]
    topics.send(
        (m["customerID"], message(m, gender="Unknown") if n % BAD_EVERY == 0 else m) for n, m in enumerate(made)
    )


def kill_at_random(programs: Programs, topics: Topics, kills: int, seed: int, *options: str) -> int:
    """Kill a consumer again and again when it has handled some more messages; return how often."""
    random, done = Random(seed), 0
    for number in range(kills):
        wanted = min(LAST, done + random.randint(1, max(1, 2 * (LAST - done) // (kills - number + 1))))
        consumer = programs.consumer(topics, "--batch-size", str(BATCH), "--instance", "0", *options)

        def reached(wanted: int = wanted) -> bool:
            return sum(topics.ends(topics.predictions).values()) >= wanted

        # The high watermark tells of records that are not committed yet: the kill may fall into a transaction.
        assert Deadline(30).wait_until(reached, every=0.002), consumer.errors
        consumer.kill()
        done = sum(topics.ends(topics.predictions).values())
        if done >= LAST:
            return number + 1
    return kills


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
    killed = kill_at_random(programs, topics, kills, 7 * kills, "--delivery", "at-least-once")
    ended = programs.consume_all(topics, "--instance", "0", "--delivery", "at-least-once")
    assert ended.code == 0, ended.errors
    outcomes = Counter(r.source for topic in (topics.predictions, topics.dead_letters) for r in topics.read(topic))
    assert set(outcomes) == {r.place for r in topics.read(topics.raw)}
    doubled = outcomes.total() - MESSAGES
    assert 0 <= doubled <= killed * BATCH
    assert sum(topics.committed().values()) == MESSAGES
