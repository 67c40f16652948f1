"""Trades in Avro, in the wire format of schema registries: byte 0, the schema's id in four bytes, the record."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import fastavro
import orjson

from pipeline_checks.model.errors import ConfigurationError, TerminalError, TransientError

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import SchemaRegistryClient

    from pipeline_checks.pipelines.market_data.flow.settings import KafkaSettings

_MAGIC: Final = 0
_HEAD: Final = struct.Struct(">bI")


class Undecodable(Exception):
    """A record that is no trade in a known schema; ``reason`` is one of a few words."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def shipped_schema() -> str:
    """Return the schema of the trades that this version writes."""
    return resources.files("pipeline_checks.pipelines.market_data.flow").joinpath("trade_v2.avsc").read_text()


def schema_text(settings: KafkaSettings) -> str:
    """Return the schema that the settings name; raises ConfigurationError when it cannot be read."""
    if not settings.schema_file:
        return shipped_schema()
    try:
        return Path(settings.schema_file).read_text()
    except OSError as problem:
        raise ConfigurationError(
            f"the schema {settings.schema_file} cannot be read: {problem.strerror}.",
            next_step="Correct K2_KAFKA_SCHEMA_FILE.",
        ) from None


def registry(url: str) -> SchemaRegistryClient:
    """Return a client of the schema registry."""
    from confluent_kafka.schema_registry import SchemaRegistryClient

    return SchemaRegistryClient({"url": url, "timeout": 10})


def registered_id(client: SchemaRegistryClient, subject: str, text: str) -> int:
    """Return the id that a schema has under a subject.

    Raises ConfigurationError when it is not registered there: nothing is registered on the way.
    """
    from confluent_kafka.schema_registry import Schema
    from confluent_kafka.schema_registry.error import SchemaRegistryError

    try:
        found = client.lookup_schema(subject, Schema(text, "AVRO"))
    except SchemaRegistryError as problem:
        if problem.http_status_code == 404:
            raise ConfigurationError(
                f"the schema is not registered under {subject}.",
                next_step="Register it: python -m pipeline_checks.pipelines.market_data.flow.prepare.",
            ) from None
        raise TerminalError(f"the schema registry refuses the schema: {problem}.") from None
    except Exception as problem:  # the client's transport has errors of its own
        raise TransientError(
            f"the schema registry does not answer: {problem}.", next_step="See that it runs."
        ) from None
    assert found.schema_id is not None
    return found.schema_id


def register(client: SchemaRegistryClient, subject: str, text: str) -> int:
    """Register a schema under a subject that asks for backward compatibility; returns its id.

    Raises TerminalError when the registry refuses it.
    """
    from confluent_kafka.schema_registry import Schema
    from confluent_kafka.schema_registry.error import SchemaRegistryError

    try:
        client.set_compatibility(subject, "BACKWARD")
        return client.register_schema(subject, Schema(text, "AVRO"))
    except SchemaRegistryError as problem:
        raise TerminalError(
            f"the schema registry refuses the schema for {subject}: {problem}.",
            next_step="Give new fields a default.",
        ) from None
    except Exception as problem:  # the client's transport has errors of its own
        raise TransientError(
            f"the schema registry does not answer: {problem}.", next_step="See that it runs."
        ) from None


class Encoder:
    """Writes records of one schema."""

    def __init__(self, text: str, schema_id: int) -> None:
        document = orjson.loads(text)
        self._schema = fastavro.parse_schema(document)
        self._head = _HEAD.pack(_MAGIC, schema_id)

    def encode(self, record: dict[str, Any]) -> bytes:
        """Return a record in the wire format."""
        buffer = io.BytesIO()
        buffer.write(self._head)
        fastavro.schemaless_writer(buffer, self._schema, record)
        return buffer.getvalue()


class Decoder:
    """Reads records of any schema that the registry knows; each schema is asked for once.

    Parameters
    ----------
    schema_of:
        Returns the text of the schema with an id.
    """

    def __init__(self, schema_of: Callable[[int], str]) -> None:
        self._schema_of = schema_of
        self._schemas: dict[int, Any] = {}
        self._documents: dict[int, dict[str, Any]] = {}
        self.looked_at: set[int] = set()
        """Ids of schemas that the reader has prepared itself for."""

    def decode(self, value: bytes | None) -> tuple[int, dict[str, Any]]:
        """Return the schema's id and the record. Raises Undecodable, and TransientError when the registry is away."""
        if value is None:
            raise Undecodable("no_value", "the record has no value")
        if len(value) < _HEAD.size or value[0] != _MAGIC:
            raise Undecodable("not_wire_format", "the value does not begin with byte 0 and a schema id")
        schema_id = _HEAD.unpack_from(value)[1]
        schema = self._schemas.get(schema_id)
        if schema is None:
            schema = self._schemas[schema_id] = self._fetched(schema_id)
        buffer = io.BytesIO(value)
        buffer.seek(_HEAD.size)
        try:
            record = fastavro.schemaless_reader(buffer, schema, None)
        except Exception as problem:  # each kind of damage has an error of its own
            raise Undecodable("undecodable", f"{type(problem).__name__}: {problem}"[:200]) from None
        if not isinstance(record, dict):
            raise Undecodable("undecodable", "the value is no record")
        if buffer.tell() != len(value):
            raise Undecodable("undecodable", f"{len(value) - buffer.tell()} bytes are left behind the record")
        return schema_id, record

    def document(self, schema_id: int) -> dict[str, Any]:
        """Return a schema that a record was decoded with."""
        return self._documents[schema_id]

    def _fetched(self, schema_id: int) -> Any:
        document = orjson.loads(self._schema_of(schema_id))
        if not isinstance(document, dict) or document.get("type") != "record":
            raise Undecodable("unknown_schema", f"schema {schema_id} is no record")
        self._documents[schema_id] = document
        return plain(document)


def plain(document: Any) -> Any:
    """Return a schema as it is read: times as numbers, decimals as their bytes, so that nothing is converted twice."""
    return fastavro.parse_schema(_without_logical_types(document))


def _without_logical_types(document: Any) -> Any:
    if isinstance(document, dict):
        return {k: _without_logical_types(v) for k, v in document.items() if k != "logicalType"}
    if isinstance(document, list):
        return [_without_logical_types(v) for v in document]
    return document


def schema_by_id(client: SchemaRegistryClient) -> Callable[[int], str]:
    """Return what looks a schema up in the registry."""
    from confluent_kafka.schema_registry.error import SchemaRegistryError

    def look_up(schema_id: int) -> str:
        try:
            found = client.get_schema(schema_id).schema_str
        except SchemaRegistryError as problem:
            if problem.http_status_code in (404, 422):
                raise Undecodable("unknown_schema", f"the registry knows no schema {schema_id}") from None
            raise TransientError(f"the schema registry cannot answer: {problem}.") from None
        except Exception as problem:  # the client's transport has errors of its own
            raise TransientError(f"the schema registry does not answer: {problem}.") from None
        assert found is not None
        return found

    return look_up
