"""Records that someone else than the client writes into the topic of trades."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from pipeline_checks.clients.settings import resolve
from pipeline_checks.faults.expectation import Expectation, ExpectedFinding, finding
from pipeline_checks.faults.fault import Target
from pipeline_checks.faults.injury import Injury
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.faults.topic_records import RawRecord, TopicRecords
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.pipelines.market_data.scenarios.fresh import begin_anew
from pipeline_checks.pipelines.market_data.scenarios.words import API, STAGES, TABLE, TOPIC, gap
from pipeline_checks.stages.schema_registry import SchemaRegistry

_HEAD = 5
FAR = 1000
"""How far behind the newest id of its symbol a forged trade lies."""

Row = dict[str, Any]


@dataclass(frozen=True)
class WrittenRecord:
    """A record is written into a topic of Avro: ``make`` gives its value, of the newest record and its row.

    Undoing begins anew: a record cannot be taken out of the middle of a topic.
    """

    name: str
    description: str
    make: Callable[[RawRecord, Row, Any], tuple[bytes, Row | None]]

    def acts_on(self, target: Target) -> bool:
        """Whether the target is a topic of Avro."""
        return target.is_stage and getattr(target.stage, "value_format", "") == "avro"

    def plan(self, target: Target) -> Injury:
        """Return what will be written, and the key that it is about."""
        record, row, schema = _newest(target)
        _, about = self.make(record, row, schema)
        keys = () if about is None else ({k: about[k] for k in target.stage.contract.key},)
        what = f"{self.description} ({target.name}, partition {record.partition})"
        facts = {"partition": record.partition, "newest": row["source_sequence"]}
        return Injury(self.name, target.pipeline.name, target.name, what, keys, facts)

    def act(self, target: Target, injury: Injury) -> Injury:
        """Write it."""
        record, row, schema = _newest(target)
        value, _ = self.make(record, row, schema)
        offset = TopicRecords(target.stage).write(record.key, value, record.partition)
        return replace(injury, facts={**injury.facts, "offset": offset})

    def undo(self, target: Target, injury: Injury) -> None:
        """Begin anew."""
        begin_anew(target.services)


def _newest(target: Target) -> tuple[RawRecord, Row, Any]:
    """Return the last record of a partition, its row and its schema."""
    from fastavro import parse_schema, schemaless_reader

    stage: Any = target.stage
    records = TopicRecords(stage).all()
    if not records or not records[-1].value:
        raise TerminalError(f"{target.name} has no record.", next_step="Seed some trades first.")
    value = records[-1].value
    registry = SchemaRegistry(resolve(stage.registry))
    try:
        written: Any = registry.by_id(int.from_bytes(value[1:_HEAD], "big"))
        schema = parse_schema(written)
    finally:
        registry.close()
    row: Any = schemaless_reader(io.BytesIO(value[_HEAD:]), schema, None)
    return records[-1], row, schema


def _broken(record: RawRecord, row: Row, schema: Any) -> tuple[bytes, Row | None]:
    return (record.value or b"")[:-4], None


def _again(record: RawRecord, row: Row, schema: Any) -> tuple[bytes, Row | None]:
    return record.value or b"", row


def _forged(record: RawRecord, row: Row, schema: Any) -> tuple[bytes, Row | None]:
    from fastavro import schemaless_writer

    number = row["source_sequence"] + FAR
    made = {**row, "source_sequence": number, "trade_id": f"{row['exchange']}-{number}"}
    stream = io.BytesIO()
    stream.write((record.value or b"")[:_HEAD])
    schemaless_writer(stream, schema, made)
    return stream.getvalue(), made


BROKEN = WrittenRecord("broken_record", "A record is written that no one can read", _broken)
AGAIN = WrittenRecord("written_again", "The newest record is written a second time, byte by byte", _again)
FORGED = WrittenRecord("forged_trade", "A trade is written that the exchange never made", _forged)


def topics() -> Iterator[Scenario]:
    """Yield the scenarios."""
    yield _of_topic(BROKEN, lambda i: ())  # it is set aside, and so accounted for
    yield _of_topic(AGAIN, _written_again)
    yield _of_topic(FORGED, _never_made)


def _written_again(injury: Injury) -> Iterator[ExpectedFinding]:
    for key in injury.keys:
        yield finding(TOPIC, "duplicates", "duplicate", detail="replayed", key=key)
    yield finding(TOPIC, "balance", "unexpected", detail="balance")


def _never_made(injury: Injury) -> Iterator[ExpectedFinding]:
    """The table and the API hold what the topic has: that it is wrong shows there, the gap before it everywhere."""
    newest = int(injury.facts["newest"])
    for key in injury.keys:
        yield finding(TOPIC, "counts", "unexpected", key=key)
        for stage in (TOPIC, TABLE, API):
            yield gap(stage, str(key["symbol"]), newest + 1, newest + FAR - 1, TOPIC)
    yield finding(TOPIC, "balance", "unexpected", detail="balance")


def _of_topic(fault: WrittenRecord, findings: Callable[[Injury], Iterable[ExpectedFinding]]) -> Scenario:
    return Scenario(
        name=f"{fault.name}__{TOPIC}",
        description=f"{fault.description}: {TOPIC}",
        fault=fault,
        target=TOPIC,
        area=STAGES,
        expects=lambda injury: Expectation(tuple(findings(injury))),
        alone=True,
    )
