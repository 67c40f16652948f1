"""A topic up to given offsets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.events import (
    CHANGE_OPERATIONS,
    OP,
    TRUNCATE,
)
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.measure import (
    DuplicateKeys,
    Facts,
    Grade,
    Measure,
    Measured,
    RowCount,
    StageSchema,
)
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.schema import Schema, SchemaField
from pipeline_checks.model.stage import exact
from pipeline_checks.stages.columns import chosen
from pipeline_checks.stages.connect_schema import as_schema
from pipeline_checks.stages.topic_accounting import Account, account_for
from pipeline_checks.stages.topic_duplicates import duplicates_of
from pipeline_checks.stages.topic_order import order_of

if TYPE_CHECKING:
    import pyarrow

    from pipeline_checks.stages.topic import TopicReader

_VALUE_OPERATIONS = (*CHANGE_OPERATIONS, TRUNCATE)
_TELLS = ("topic", "malformed", "unavailable", "unconvertible", "accounting", "order", "json_schema")


class PinnedTopic:
    """Answers about the events before one position; one reading serves all answers."""

    def __init__(self, reader: TopicReader, position: OffsetsPosition) -> None:
        self.position = position
        self._reader = reader
        self._held: pyarrow.Table | None = None

    def schema(self) -> Schema:
        """Return the columns of the newest row: as its embedded schema has them, else as its JSON values look."""
        return self._schema()[0]

    def answer(self, measures: frozenset[Measure]) -> dict[Measure, Measured]:
        """Return schema, number of events, replayed events and facts.

        ``RowCount`` counts the events about rows: records with a value that could be understood. ``DuplicateKeys`` of
        the contract's key counts events of the log (not of a snapshot) that stand in the topic more than once, told by
        transaction id, LSN, operation and key; its grade is ``bound`` where the records lack these. Facts: ``topic``
        (partitions, replication_factor, low_watermarks, high_watermarks and the topic's settings by their names),
        ``malformed`` (list of partition, offset, bytes, error), ``unavailable`` and ``unconvertible`` (number of values
        by column that Debezium could not tell, or that have no place in the promised type; both read as NULL),
        ``accounting`` (see ``topic_accounting.Account``), ``order`` (see ``topic_order.order_of``), ``json_schema``
        (see ``message_schema.MessageJudge.facts``; None where no schema is promised).
        """
        answers: dict[Measure, Measured] = {}
        for measure in measures:
            if isinstance(measure, StageSchema):
                schema, grade = self._schema()
                answers[measure] = Measured(schema, grade)
            elif isinstance(measure, RowCount):
                answers[measure] = exact(self._of(_VALUE_OPERATIONS).num_rows)
            elif isinstance(measure, DuplicateKeys) and self._tells_duplicates(measure):
                answers[measure] = self._duplicates()
            elif isinstance(measure, Facts):
                answers[measure] = exact(self._facts(measure.topic))
        return answers

    def rows(self, columns: Sequence[str] | None = None) -> pyarrow.Table:
        """Return the events, one a record; see ``model.events`` for their columns."""
        return chosen(self._table(), columns, f"the topic {self._reader.log.topic}")

    def _table(self) -> pyarrow.Table:
        if self._held is None:
            self._held = self._reader.events(None, self.position)
        return self._held

    def _of(self, operations: Sequence[str]) -> pyarrow.Table:
        import pyarrow as pa
        from pyarrow import compute

        table = self._table()
        return table.filter(compute.is_in(table.column(OP), pa.array(operations)))

    def _schema(self) -> tuple[Schema, Grade]:
        self._table()
        decoder, contract, beside = self._reader.decoder, self._reader.contract, self._reader.beside
        headers = {} if beside is None else beside.headers
        fields = [SchemaField(n, type_, nullable=True) for n, type_ in headers.items() if n in contract.columns]
        if (own := getattr(decoder, "schema", None)) is not None:  # a decoder of records that all have one schema
            told = own()
            if told is None:
                return Schema((), enforces_nullability=False), Grade.UNKNOWN
            return Schema((*told.fields, *fields), told.enforces_nullability), Grade.EXACT
        if decoder.newest:
            found = as_schema(decoder.newest, contract)
            return Schema((*found.fields, *fields), enforces_nullability=False), Grade.EXACT
        if decoder.newest_image is None:
            return Schema((), enforces_nullability=False), Grade.UNKNOWN
        for name, value in decoder.newest_image.items():
            if not name.startswith("__"):
                promised = contract.columns.get(name)
                fields.append(SchemaField(name, promised.type if promised else _type_of(value), nullable=True))
        return Schema(tuple(fields), enforces_nullability=False), Grade.BOUND

    def _tells_duplicates(self, measure: DuplicateKeys) -> bool:
        return self._reader.tells_replays and measure.key == self._reader.contract.key

    def _duplicates(self) -> Measured:
        reader = self._reader
        untold = {*reader.unavailable, *reader.unconvertible}
        told = [c for c in reader.contract.columns if c not in untold]
        return duplicates_of(self._table(), reader.log.topic, reader.contract.key, told)

    def _facts(self, topic: str) -> Any:
        reader = self._reader
        if topic == "topic":
            low, high = reader.log.watermarks()
            watermarks = {"partitions": len(high), "low_watermarks": low, "high_watermarks": high}
            watermarks["replication_factor"] = reader.log.replication()
            return {**watermarks, **reader.log.configuration()}
        if topic in _TELLS:
            self._table()
            if topic == "malformed":
                end = self.position.partitions(reader.log.topic)
                return [m.to_json() for m in reader.malformed if m.offset < end.get(m.partition, 0)]
            if topic == "accounting":
                return self._account().to_json()
            if topic == "json_schema":
                judge = getattr(reader.decoder, "judge", None)
                return None if judge is None else judge.facts(self.position.partitions(reader.log.topic))
            if topic == "order":
                return order_of(self._table(), reader.contract.key)
            untold = reader.unavailable if topic == "unavailable" else reader.unconvertible
            return {name: len(places) for name, places in untold.items()}
        raise ConfigurationError(f"a topic tells nothing of {topic!r}.", next_step=f"It tells: {', '.join(_TELLS)}.")

    def _account(self) -> Account:
        log = self._reader.log
        is_compacted = "compact" in (log.configuration().get("cleanup.policy") or "")
        end = self.position.partitions(log.topic)
        return account_for(self._table(), end, log, is_compacted=is_compacted, low=log.watermarks()[0])


def _type_of(value: Any) -> LogicalType:
    """The logical type that a JSON value looks like."""
    if isinstance(value, bool):
        return LogicalType("bool")
    if isinstance(value, int):
        return LogicalType("int64")
    if isinstance(value, float):
        return LogicalType("float64")
    if isinstance(value, dict):
        return LogicalType("struct")
    return LogicalType("array" if isinstance(value, list) else "string")
