"""Stages of kind ``kafka_topic``: a topic of JSON records, each a row of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pipeline_checks.clients.settings import resolve
from pipeline_checks.model.secret import Setting, SettingValue
from pipeline_checks.model.stage import StageDeclaration

if TYPE_CHECKING:
    from pipeline_checks.stages.topic import TopicReader


class KafkaTopic(StageDeclaration):
    """A topic whose records are JSON objects, with or without Connect's embedded schema.

    Each record with a value is a row that was added; the fields of a key that is a JSON object stand beside those of
    the value. Such records have no place in a source's log: they belong to no cut.
    """

    kind: Literal["kafka_topic"] = "kafka_topic"
    brokers: Annotated[SettingValue, Setting]
    topic: str
    value_format: Literal["json"] = "json"


def open_stage(declaration: KafkaTopic) -> TopicReader:
    """Return the topic as it can be asked."""
    from pipeline_checks.stages.json_records import JsonRecords
    from pipeline_checks.stages.topic import TopicReader

    decoder = JsonRecords(declaration.contract.key)
    return TopicReader(declaration, resolve(declaration.brokers), declaration.topic, decoder, tells_replays=False)
