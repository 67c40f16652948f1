"""Stages of kind ``debezium_topic``: the change events of one table, as Debezium writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pipeline_checks.clients.settings import resolve
from pipeline_checks.model.secret import Setting, SettingValue
from pipeline_checks.model.stage import StageDeclaration

if TYPE_CHECKING:
    from pipeline_checks.stages.topic import TopicReader


class DebeziumTopic(StageDeclaration):
    """A topic of change events.

    ``brokers`` are the bootstrap servers. ``connector`` names the service stage that feeds the topic, ``slot`` the
    replication slot, where the connector cannot be asked. Envelopes are read with and without embedded schema.
    Flattened records (``ExtractNewRecordState``) are read too, but prove less: without a transaction id in them
    nothing can be said about a cut, without a commit time no latency is known.
    """

    kind: Literal["debezium_topic"] = "debezium_topic"
    brokers: Annotated[SettingValue, Setting]
    topic: str
    connector: str | None = None
    slot: str | None = None
    value_format: Literal["json"] = "json"


def open_stage(declaration: DebeziumTopic) -> TopicReader:
    """Return the topic as it can be asked."""
    from pipeline_checks.stages.debezium_records import DebeziumRecords
    from pipeline_checks.stages.topic import TopicReader

    decoder = DebeziumRecords(declaration.contract.key)
    return TopicReader(declaration, resolve(declaration.brokers), declaration.topic, decoder, tells_replays=True)
