"""Stages of kind ``consumer_group``: a consumer group of Kafka, by what it has committed. It holds no rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from pipeline_checks.clients import kafka
from pipeline_checks.clients.settings import resolve
from pipeline_checks.model.errors import ConfigurationError, TerminalError
from pipeline_checks.model.measure import Facts, Measure, Measured, StageSchema
from pipeline_checks.model.position import OffsetsPosition, Position
from pipeline_checks.model.schema import Schema
from pipeline_checks.model.secret import Setting, SettingValue
from pipeline_checks.model.stage import Reached, Rows, StageDeclaration, exact

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient


class ConsumerGroup(StageDeclaration):
    """The consumers of ``group``: its position are the offsets that it has committed, of the topics in ``from``.

    ``writes`` says where what they make goes: into topics, record by record, or into tables, which say themselves what
    they cover.
    """

    kind: Literal["consumer_group"] = "consumer_group"
    brokers: Annotated[SettingValue, Setting]
    group: str = Field(min_length=1)
    writes: Literal["topics", "tables"] = "topics"

    @property
    def holds_rows(self) -> bool:
        return False


class ConsumerGroupReader:
    """Asks the brokers for committed offsets and members."""

    def __init__(self, declaration: ConsumerGroup) -> None:
        self.declaration = declaration
        self._admin: AdminClient | None = None

    def reached(self) -> Reached:
        """Return the committed offsets of all topics; none of a group that has never committed.

        Offsets in a transaction that is open are waited for by asking again: TransientError tells of them.
        """
        from confluent_kafka import ConsumerGroupTopicPartitions

        group = self.declaration.group
        what = f"reading the offsets of the consumer group {group}"
        with kafka.translated(what):
            asked = self.admin().list_consumer_group_offsets(
                [ConsumerGroupTopicPartitions(group)],
                require_stable=True,
                request_timeout=kafka.REQUEST_TIMEOUT_SECONDS,
            )
            found = next(iter(asked.values())).result()
        committed: dict[str, dict[int, int]] = {}
        for place in found.topic_partitions or ():
            if place.error is not None:
                raise kafka.translate(what, place.error)
            if place.offset >= 0:
                committed.setdefault(place.topic, {})[place.partition] = place.offset
        return Reached(OffsetsPosition.of(committed))

    def at(self, position: Position) -> PinnedConsumerGroup:
        """Return the group as it is asked now, at offsets that it has committed."""
        if not isinstance(position, OffsetsPosition):
            raise TerminalError(f"{self.declaration.name} has offsets, not a position of kind {position.kind!r}.")
        return PinnedConsumerGroup(self, position)

    def admin(self) -> AdminClient:
        """Return the client."""
        if self._admin is None:
            self._admin = kafka.admin(resolve(self.declaration.brokers))
        return self._admin

    def close(self) -> None:
        """Forget the client, which closes its connections."""
        self._admin = None


class PinnedConsumerGroup:
    """Answers facts; a group has neither columns nor rows."""

    def __init__(self, reader: ConsumerGroupReader, position: OffsetsPosition) -> None:
        self.position = position
        self._reader = reader

    def schema(self) -> Schema:
        """Return no columns."""
        return Schema(())

    def answer(self, measures: frozenset[Measure]) -> dict[Measure, Measured]:
        """Return facts: ``group`` (``state`` and ``members``, each with client_id, host, partitions)."""
        answers: dict[Measure, Measured] = {}
        for measure in measures:
            if isinstance(measure, StageSchema):
                answers[measure] = exact(self.schema())
            elif isinstance(measure, Facts):
                if measure.topic != "group":
                    raise ConfigurationError(
                        f"a consumer group tells nothing of {measure.topic!r}.", next_step="It tells: group."
                    )
                answers[measure] = exact(self._group())
        return answers

    def rows(self, columns: Sequence[str] | None = None) -> Rows:
        """Raise ConfigurationError: there are none."""
        raise ConfigurationError(f"{self._reader.declaration.name} is a consumer group and has no rows.")

    def _group(self) -> dict[str, Any]:
        group = self._reader.declaration.group
        with kafka.translated(f"describing the consumer group {group}"):
            asked = self._reader.admin().describe_consumer_groups(
                [group], request_timeout=kafka.REQUEST_TIMEOUT_SECONDS
            )
            found = asked[group].result()
        members = [
            {
                "client_id": member.client_id,
                "host": member.host,
                "partitions": [
                    [place.topic, place.partition]
                    for place in (member.assignment.topic_partitions if member.assignment else ())
                ],
            }
            for member in found.members
        ]
        return {"state": found.state.name, "members": members}


def open_stage(declaration: ConsumerGroup) -> ConsumerGroupReader:
    """Return the group as it can be asked."""
    return ConsumerGroupReader(declaration)
