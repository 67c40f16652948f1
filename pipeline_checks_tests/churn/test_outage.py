"""Brokers and topics that cannot be written to: nothing is committed that is not published, and all is made good."""

from __future__ import annotations

import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from pipeline_checks.model.clock import Deadline
from pipeline_checks.pipelines.churn.flow.alerts import sample_of
from pipeline_checks.pipelines.churn.flow.names import GROUP
from pipeline_checks.pipelines.churn.flow.topics import create, declared
from pipeline_checks.stack.embedded import EmbeddedProvider
from pipeline_checks.stack.environment import read_env
from pipeline_checks.stack.services.kafka import kafka
from pipeline_checks.stack.supervision import Supervisor
from pipeline_checks_tests.churn.customers import csv_of, message, valid
from pipeline_checks_tests.churn.programs import Program, Programs
from pipeline_checks_tests.churn.topics import Topics

MESSAGES = 1500


def let_dead_letters_in(topics: Topics, *, allowed: bool) -> None:
    """Let the dead-letter topic take records, or refuse all but the marks of transactions as too large."""
    change = ConfigResource(
        ResourceType.TOPIC,
        topics.dead_letters,
        incremental_configs=[
            ConfigEntry(
                "max.message.bytes", "1048588" if allowed else "200", incremental_operation=AlterConfigOpType.SET
            )
        ],
    )
    admin = AdminClient({"bootstrap.servers": topics.broker})
    admin.incremental_alter_configs([change])[change].result(timeout=10)


def send_with_a_bad_one(topics: Topics) -> None:
    """Send ten good messages and one bad one, under one key so that they lie in one partition."""
    made = [valid(n) for n in range(11)]
    topics.send(("same", message(m, gender="Unknown") if n == 5 else m) for n, m in enumerate(made))


@pytest.mark.parametrize("delivery", ["transactional", "at-least-once"])
def test_an_unwritable_dead_letter_topic_stops_the_consumer_without_a_commit(
    programs: Programs, topics: Topics, delivery: str
) -> None:
    let_dead_letters_in(topics, allowed=False)
    send_with_a_bad_one(topics)
    quick = ("--delivery", delivery, "--transaction-timeout-ms", "1000", "--publish-retries", "1")
    stopped = programs.consumer(topics, *quick).wait()
    assert stopped.code == 1 and "could not be published in 2 attempts" in stopped.errors
    assert topics.committed() == {}
    assert topics.read(topics.dead_letters) == []
    if delivery == "transactional":
        assert topics.read(topics.predictions) == []
    let_dead_letters_in(topics, allowed=True)
    ended = programs.consume_all(topics, "--delivery", delivery)
    assert ended.code == 0, ended.errors
    if delivery == "transactional":
        assert topics.assert_conserved(11) == Counter(predictions=10, dead_letters=1)


def test_a_dead_letter_tells_how_often_its_publication_failed(programs: Programs, topics: Topics) -> None:
    let_dead_letters_in(topics, allowed=False)
    send_with_a_bad_one(topics)
    consumer = programs.consumer(topics, "--transaction-timeout-ms", "1000", "--publish-retries", "50")
    consumer.wait_until_said("not published, attempt 2")
    let_dead_letters_in(topics, allowed=True)
    topics.wait_until_consumed()
    ended = consumer.stop()
    assert ended.code == 0, ended.errors
    assert topics.assert_conserved(11) == Counter(predictions=10, dead_letters=1)
    (letter,) = topics.read(topics.dead_letters)
    assert letter.body["retry_count"] >= 2


def test_a_topic_that_is_not_there_is_named_and_nothing_is_read(programs: Programs, topics: Topics) -> None:
    send_with_a_bad_one(topics)
    stopped = programs.consumer(topics, "--deadletter-topic", "telco.not.there").wait()
    assert stopped.code == 1 and "there is no topic telco.not.there" in stopped.errors
    assert topics.committed() == {}


def test_without_a_broker_producer_and_consumer_say_so(programs: Programs, topics: Topics, tmp_path: Path) -> None:
    nowhere = Topics("127.0.0.1:1", topics.raw, topics.predictions, topics.dead_letters, topics.group, "")
    both = [programs.consumer(nowhere), programs.producer(nowhere, csv_of(tmp_path, 3))]
    for ended in (program.wait() for program in both):
        assert ended.code == 1 and "connecting to 127.0.0.1:1" in ended.errors


@contextmanager
def broker_away(home: Path, topics: Topics, consumer: Program) -> Iterator[None]:
    """Stop the broker of a home; it answers again behind the block.

    The consumer is frozen while the broker goes: a lone broker leaves its partitions without a leader before it ends,
    and then skips for good the markers of a transaction that was committed a moment ago ("these partitions are likely
    deleted already"). Its transaction may be open, and it comes back to find it so.
    """
    provider = EmbeddedProvider(home)
    supervisor = Supervisor(provider.home)
    consumer.process.send_signal(signal.SIGSTOP)
    try:
        seen: list[dict[int, int]] = []

        def stands_still() -> bool:
            seen.append(topics.ends(topics.predictions))
            return len(seen) > 3 and seen[-1] == seen[-2] == seen[-3]

        assert Deadline(20).wait_until(stands_still, every=0.1)
        supervisor.stop("kafka")
        assert Deadline(30).wait_until(lambda: supervisor.process("kafka").is_down)
    finally:
        consumer.process.send_signal(signal.SIGCONT)
    try:
        yield
    finally:
        provider.up([kafka()])


@pytest.mark.parametrize("seconds", [4, pytest.param(15, marks=pytest.mark.soak)])
def test_when_the_broker_was_away_every_row_has_its_outcome(
    programs: Programs, own_home: Path, tmp_path: Path, seconds: float
) -> None:
    provider = EmbeddedProvider(own_home)
    provider.up([kafka()])
    broker = read_env(provider.home)["KAFKA_BOOTSTRAP_SERVERS"]
    create(broker, declared("", "test"))
    raw, predictions, dead_letters = (t.name for t in declared())
    topics = Topics(broker, raw, predictions, dead_letters, GROUP, "")

    def start() -> Program:
        limits = ("--batch-size", "50", "--publish-retries", "20")
        return programs.consumer(topics, *limits, "--metrics-port", "0", "--instance", "0")

    def kept_up() -> bool:
        """Start the consumer again where it has ended, as the supervisor of the stack does."""
        if consumers[-1].process.poll() is not None:
            assert consumers[-1].process.poll() == 1, consumers[-1].errors
            consumers.append(start())
        return False

    consumer = start()
    consumers = [consumer]
    url = consumer.wait_until_said("metrics on ").rpartition(" ")[2].removesuffix("/metrics")
    consumer.wait_until_said("partitions assigned")
    options = ("--count", str(MESSAGES), "--unique", "--events-per-sec", "300", "--seed", "3")
    producer = programs.producer(topics, csv_of(tmp_path, MESSAGES), *options, mode="streaming")
    topics.wait_for_outputs(100)
    with broker_away(own_home, topics, consumer):
        away = Deadline(seconds)
        assert Deadline(20).wait_until(lambda: httpx.get(f"{url}/health").status_code == 503)
        assert not sample_of(httpx.get(f"{url}/metrics").text, 0.0).connected
        away.wait_until(kept_up)
    sent = producer.wait(120)
    assert (sent.code, sent.summary["sent"]) == (0, MESSAGES), sent.errors
    topics.wait_until_consumed(90, kept_up)
    ended = consumers[-1].stop()
    assert ended.code == 0, ended.errors
    sys.stderr.write("".join(c.errors for c in consumers))  # shown when the next lines fail
    assert topics.assert_conserved(MESSAGES) == Counter(predictions=MESSAGES)
    rows = Counter(int(r.headers["source_row"]) for r in topics.read(raw))
    assert rows == Counter(range(MESSAGES))
