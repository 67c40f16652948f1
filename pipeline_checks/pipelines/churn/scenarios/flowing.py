"""Letting data flow through the pipeline: more customers, all of them again, and waiting until they are scored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline_checks.clients import kafka
from pipeline_checks.clients.settings import setting
from pipeline_checks.faults.fault import Target
from pipeline_checks.faults.topic_records import TopicRecords
from pipeline_checks.faults.topic_rewrites import made_again
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import TransientError
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.pipelines.churn.seed import dataset, source
from pipeline_checks.pipelines.churn.seed.customers import customers
from pipeline_checks.stages.registry import open_stage

RAW, PREDICTIONS, DEAD_LETTERS, GROUP = "topic_raw", "topic_predictions", "topic_deadletter", "consumer_group"
_SECONDS = 30.0
_EMPTY_SECONDS = 60.0


def add_customer(target: Target, change: Mapping[str, Any]) -> None:
    """Add a customer to the file, alter some of its values, publish it as it is and wait until it is handled."""
    path = source.dataset_path()
    made = customers(1, 7, first=dataset.count(path))[0]
    dataset.append(path, [{**made, **change}])
    source.publish(path, "--no-validate")
    wait_until_handled(target)


def same_customer_twice(target: Target) -> None:
    """See to it that a customer stands in two rows, the later one with another bill, both of them scored."""
    add_customer(target, {"customerID": "0000-AGAIN"})
    add_customer(target, {"customerID": "0000-AGAIN"})


def refused_customer(target: Target) -> None:
    """See to it that there is a dead letter: a customer without a phone who has one line."""
    if not TopicRecords(target.pipeline.stage(DEAD_LETTERS)).all():
        add_customer(target, {"PhoneService": "No", "MultipleLines": "No"})


def add_customers(rows: int) -> None:
    """Add customers to the file and publish them, whether anybody reads them or not."""
    path = source.dataset_path()
    dataset.append(path, customers(rows, 11, first=dataset.count(path)))
    source.publish(path, "--no-validate")


def publish_again(target: Target) -> None:
    """Begin anew: no records in any topic, then every customer once more, scored."""
    raw = TopicRecords(target.pipeline.stage(RAW))
    wait_until_handled(target)
    raw.expire(raw.ends())
    for name in (PREDICTIONS, DEAD_LETTERS):
        made_again(target.pipeline.stage(name), [])
    source.dataset_path().with_suffix(".checkpoint.json").unlink(missing_ok=True)
    source.publish(source.dataset_path(), "--no-validate")
    wait_until_handled(target)


def wait_until_handled(target: Target) -> None:
    """Wait until the consumers have committed all that is in their topic; raises TransientError when they do not."""
    ends = OffsetsPosition.of({TopicRecords(target.pipeline.stage(RAW)).topic: _ends(target)})
    group = open_stage(target.pipeline.stage(GROUP))

    def handled() -> bool:
        try:
            return bool(group.reached().position.covers(ends))
        except TransientError:
            return False  # a transaction is just being ended

    try:
        done = Deadline(_SECONDS).wait_until(handled)
    finally:
        group.close()
    if not done:
        raise TransientError(
            f"the consumers have not handled everything within {_SECONDS:.0f} s.", next_step="See that they run."
        )


def wait_until_left() -> None:
    """Wait until the group has no member: of one that was killed the brokers only hear no more."""
    declared = "telco-churn-consumer"
    admin = kafka.admin(setting("KAFKA_BOOTSTRAP_SERVERS"))

    def is_empty() -> bool:
        found = admin.describe_consumer_groups([declared])[declared].result(timeout=_SECONDS)
        return not found.members

    with kafka.translated("describing the consumer group"):
        if not Deadline(_EMPTY_SECONDS).wait_until(is_empty):
            raise TransientError("the group still has members.", next_step="See that nobody else consumes.")


def _ends(target: Target) -> dict[int, int]:
    return {p: end for p, end in TopicRecords(target.pipeline.stage(RAW)).ends().items() if end}
