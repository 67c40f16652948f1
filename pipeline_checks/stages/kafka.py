"""Stages of kind ``kafka_topic``: a topic of JSON or Avro records, or of mere bytes, each a row of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from pipeline_checks.clients.settings import resolve
from pipeline_checks.model.links import Links
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.secret import Setting, SettingValue
from pipeline_checks.model.stage import StageDeclaration

if TYPE_CHECKING:
    from pipeline_checks.stages.topic import RecordDecoder, TopicReader


class KafkaTopic(StageDeclaration):
    """A topic whose records are JSON objects, with or without Connect's embedded schema; or Avro; or mere bytes.

    Avro (``value_format: avro``) is Confluent's wire format, with the URL of the ``registry`` that has its schemas and
    the ``subject`` under which it has those of the topic (``<topic>-value`` by default). Of ``bytes`` the value stands
    in the column ``value`` as it is.

    Each record with a value is a row that was added; the fields of a key that is a JSON object stand beside those of
    the value. Such records have no place in a source's log: they belong to no cut. ``headers`` are headers of the
    records that are columns too, with their types. ``links`` says in which of them each record names the one that it
    was made of. ``wins`` says which of several records of one key is its row: the last, as for a state, or the first,
    as for a fact that is told again. ``received`` is the column with the instant at which the row came from its source.
    """

    kind: Literal["kafka_topic"] = "kafka_topic"
    brokers: Annotated[SettingValue, Setting]
    topic: str
    value_format: Literal["json", "avro", "bytes"] = "json"
    registry: Annotated[SettingValue, Setting] | None = None
    subject: str | None = None
    wins: Literal["last", "first"] = "last"
    received: str | None = None
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

    @model_validator(mode="after")
    def _avro_has_a_registry(self) -> KafkaTopic:
        if (self.value_format == "avro") != (self.registry is not None):
            raise ValueError("registry is needed for value_format: avro, and for no other")
        return self


def open_stage(declaration: KafkaTopic) -> TopicReader:
    """Return the topic as it can be asked."""
    from pipeline_checks.stages.record_columns import RecordColumns
    from pipeline_checks.stages.topic import TopicReader

    # Of Avro the key only chooses the partition; collecting it would take as long as the rest of the record.
    is_plain = declaration.value_format == "avro" and not declaration.headers
    return TopicReader(
        declaration,
        resolve(declaration.brokers),
        declaration.topic,
        _decoder(declaration),
        tells_replays=False,
        beside=None if is_plain else RecordColumns(declaration.headers),
    )


def _decoder(declaration: KafkaTopic) -> RecordDecoder:
    from pipeline_checks.stages.json_records import JsonRecords
    from pipeline_checks.stages.message_schema import MessageJudge

    in_value = [k for k in declaration.contract.key if k not in declaration.headers]
    if declaration.value_format == "avro":
        from pipeline_checks.stages.avro_records import AvroRecords
        from pipeline_checks.stages.schema_registry import SchemaRegistry

        assert declaration.registry is not None
        registry = SchemaRegistry(resolve(declaration.registry))
        subject = declaration.subject or f"{declaration.topic}-value"
        return AvroRecords(declaration.contract, registry, subject, declaration.received)
    if declaration.value_format == "bytes":
        from pipeline_checks.stages.byte_records import ByteRecords

        return ByteRecords()
    promised = {n: c.type for n, c in declaration.contract.columns.items() if n not in declaration.headers}
    return JsonRecords(in_value, MessageJudge.of(declaration), promised)
