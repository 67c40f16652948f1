"""Stages of kind ``kafka_topic``: a topic of JSON records, each a row of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from pipeline_checks.clients.settings import resolve
from pipeline_checks.model.links import Links
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.secret import Setting, SettingValue
from pipeline_checks.model.stage import StageDeclaration

if TYPE_CHECKING:
    from pipeline_checks.stages.topic import TopicReader


class KafkaTopic(StageDeclaration):
    """A topic whose records are JSON objects, with or without Connect's embedded schema.

    Each record with a value is a row that was added; the fields of a key that is a JSON object stand beside those of
    the value. Such records have no place in a source's log: they belong to no cut. ``headers`` are headers of the
    records that are columns too, with their types. ``links`` says in which of them each record names the one that it
    was made of.
    """

    kind: Literal["kafka_topic"] = "kafka_topic"
    brokers: Annotated[SettingValue, Setting]
    topic: str
    value_format: Literal["json"] = "json"
    headers: dict[str, LogicalType] = Field(default_factory=dict)
    links: Links | None = None

    @model_validator(mode="after")
    def _links_are_headers(self) -> KafkaTopic:
        if self.links is not None:
            for name in (self.links.partition, self.links.offset):
                if name not in self.headers or self.headers[name].family != "integer":
                    raise ValueError(f"links names {name!r}, which must be among headers with an integer type")
            if self.links.topic is not None and self.links.topic not in self.headers:
                raise ValueError(f"links names {self.links.topic!r}, which is not among headers")
        return self


def open_stage(declaration: KafkaTopic) -> TopicReader:
    """Return the topic as it can be asked."""
    from pipeline_checks.stages.json_records import JsonRecords
    from pipeline_checks.stages.message_schema import MessageJudge
    from pipeline_checks.stages.record_columns import RecordColumns
    from pipeline_checks.stages.topic import TopicReader

    in_value = [k for k in declaration.contract.key if k not in declaration.headers]
    return TopicReader(
        declaration,
        resolve(declaration.brokers),
        declaration.topic,
        JsonRecords(in_value, MessageJudge.of(declaration)),
        tells_replays=False,
        beside=RecordColumns(declaration.headers),
    )
