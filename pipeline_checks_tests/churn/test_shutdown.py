"""Told to stop, a consumer ends within seconds with nothing half done; consumers come and go without a loss."""

from __future__ import annotations

import signal
from collections import Counter

import pytest

from pipeline_checks_tests.churn.customers import message, valid
from pipeline_checks_tests.churn.programs import Programs
from pipeline_checks_tests.churn.topics import Topics

SECONDS = 5.0


@pytest.mark.parametrize("times", [1, pytest.param(20, marks=[pytest.mark.soak, pytest.mark.timeout(1200)])])
def test_told_to_stop_when_idle_it_ends(programs: Programs, topics: Topics, times: int) -> None:
    for _ in range(times):
        consumer = programs.consumer(topics)
        consumer.wait_until_said("partitions assigned")
        ended = consumer.stop()
        assert (ended.code, ended.seconds < SECONDS) == (0, True), ended.errors


@pytest.mark.parametrize("times", [2, pytest.param(20, marks=[pytest.mark.soak, pytest.mark.timeout(1200)])])
def test_told_to_stop_amid_messages_it_ends_and_the_next_goes_on(
    programs: Programs, topics: Topics, times: int
) -> None:
    messages = times * 200
    topics.send((m["customerID"], m) for m in (valid(n) for n in range(messages)))
    for number in range(times):
        consumer = programs.consumer(topics, "--batch-size", "5")
        topics.wait_for_outputs(number * 200 + 10)
        ended = consumer.stop()
        assert (ended.code, ended.seconds < SECONDS) == (0, True), ended.errors
        done = sum(topics.committed().values())
        assert len(topics.read(topics.predictions)) == done
    assert programs.consume_all(topics).code == 0
    assert topics.assert_conserved(messages) == Counter(predictions=messages)


def test_a_second_signal_ends_it_at_once(programs: Programs, topics: Topics) -> None:
    topics.send((m["customerID"], m) for m in (valid(n) for n in range(50)))
    consumer = programs.consumer(topics, "--deadletter-topic", topics.raw)  # any topic that is there
    consumer.wait_until_said("partitions assigned")
    consumer.process.send_signal(signal.SIGSTOP)  # so that both signals wait for it
    for number in (signal.SIGTERM, signal.SIGINT):
        consumer.process.send_signal(number)
    consumer.process.send_signal(signal.SIGCONT)
    ended = consumer.wait(SECONDS)
    assert ended.code in (128 + signal.SIGTERM, 128 + signal.SIGINT), ended.errors


def test_consumers_come_and_go_and_the_order_of_each_key_is_kept(programs: Programs, topics: Topics) -> None:
    """Two consumers, one of which leaves while the other goes on, and a third that comes."""
    keys, rounds = 60, 25
    made = [valid(n) for n in range(keys)]

    def send(first: int, last: int) -> None:
        topics.send((m["customerID"], message(m, tenure=r + 1)) for r in range(first, last) for m in made)

    send(0, 10)
    consumers = [programs.consumer(topics, "--batch-size", "20") for _ in range(2)]
    for consumer in consumers:
        consumer.wait_until_said("partitions assigned")
    send(10, 15)
    topics.wait_for_outputs(12 * keys)
    assert consumers[0].stop().code == 0
    send(15, 20)
    third = programs.consumer(topics, "--batch-size", "20")
    third.wait_until_said("partitions assigned")
    send(20, rounds)
    topics.wait_until_consumed()
    for consumer in (consumers[1], third):
        assert consumer.stop().code == 0, consumer.errors
    assert topics.assert_conserved(keys * rounds) == Counter(predictions=keys * rounds)
    last: dict[bytes | None, tuple[int, int]] = {}
    for record in topics.read(topics.predictions):
        assert last.get(record.key, (0, -1)) < record.source, record
        last[record.key] = record.source
