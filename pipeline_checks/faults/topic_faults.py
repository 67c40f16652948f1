"""Faults of topics of change events: records that the connector never wrote, wrote once only, or that are gone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pipeline_checks.faults.fault import Target
from pipeline_checks.faults.injury import Injury
from pipeline_checks.faults.lake_table import LAKE_KINDS, covers_of
from pipeline_checks.faults.source_rows import SourceRows, source_of
from pipeline_checks.faults.topic_records import RawRecord, TopicRecords, newest_by_key
from pipeline_checks.model.clock import Deadline, now
from pipeline_checks.model.errors import TerminalError, TransientError
from pipeline_checks.verification.options import Options
from pipeline_checks.verification.session import VerificationSession

_SETTLE_SECONDS = 60.0
_FAR = 1_000_000
"""How far behind the greatest key an invented one lies."""


@dataclass(frozen=True)
class Forged:
    """A record that shall be written: bytes, partition, and the key that it is about."""

    partition: int
    key: bytes | None
    value: bytes | None
    about: Mapping[str, Any] | None
    headers: tuple[tuple[str, str | bytes | None], ...] = ()


Forge = Callable[[Target, list[RawRecord]], Forged]


@dataclass(frozen=True)
class RecordFault:
    """A record is written into a topic by someone who is not the connector."""

    name: str
    description: str
    forge: Forge
    is_deleted_again: bool = False
    """The record makes a key that the source does not know: undoing deletes it first."""

    def acts_on(self, target: Target) -> bool:
        """Whether the target is a topic of change events."""
        return target.is_stage and target.stage.kind == "debezium_topic"

    def plan(self, target: Target) -> Injury:
        """Return the key that the record will be about."""
        forged = self.forge(target, TopicRecords(target.stage).all())
        keys = () if forged.about is None else (dict(forged.about),)
        what = f"{self.description} ({target.name}, partition {forged.partition})"
        facts = {"partition": forged.partition}
        return Injury(self.name, target.pipeline.name, target.name, what, keys, facts)

    def act(self, target: Target, injury: Injury) -> Injury:
        """Write the record."""
        records = TopicRecords(target.stage)
        forged = self.forge(target, records.all())
        offset = records.write(forged.key, forged.value, forged.partition, list(forged.headers))
        return replace(injury, facts={**injury.facts, "offset": offset})

    def undo(self, target: Target, injury: Injury) -> None:
        """Let the source tell all of its rows again, then remove everything before that."""
        if self.is_deleted_again:
            _delete_again(target, injury)
        tell_again(target)


@dataclass(frozen=True)
class ExpiredRecords:
    """The older part of a topic is gone, as retention leaves it: of half of the rows no event is left."""

    name: str
    description: str

    def acts_on(self, target: Target) -> bool:
        """Whether the target is a topic of change events."""
        return target.is_stage and target.stage.kind == "debezium_topic"

    def plan(self, target: Target) -> Injury:
        """Return the offsets below which the records will be gone."""
        newest = newest_by_key(TopicRecords(target.stage).all()).values()
        halves: dict[int, int] = {}
        for partition in sorted({r.partition for r in newest}):
            offsets = sorted(r.offset for r in newest if r.partition == partition)
            halves[partition] = offsets[len(offsets) // 2]
        what = f"{self.description} ({target.name}, before offsets {halves})"
        facts = {"before": {str(p): o for p, o in halves.items()}}
        return Injury(self.name, target.pipeline.name, target.name, what, facts=facts)

    def act(self, target: Target, injury: Injury) -> Injury:
        """Remove them."""
        TopicRecords(target.stage).expire({int(p): o for p, o in injury.facts["before"].items()})
        return injury

    def undo(self, target: Target, injury: Injury) -> None:
        """Let the source tell all of its rows again."""
        tell_again(target)


def tell_again(target: Target) -> None:
    """Write every row of the source as it is, wait until all tables have that, and remove the records before.

    Raises TransientError when the tables do not get so far.
    """
    records = TopicRecords(target.stage)
    before = records.ends()
    source = SourceRows(source_of(target.pipeline, target.stage))
    source.touch()
    source.touch()  # of the oldest transaction that is retained no one can say that it is whole; now a newer one is
    fed = [s.name for s in target.pipeline.stages if target.name in s.from_ and s.row_meaning != "dead_letters"]
    with VerificationSession(target.pipeline, Options(deadline=_SETTLE_SECONDS)) as session:
        late = [name for name in (target.name, *fed) if session.settle(name).covers_cut is not True]
    if late:
        raise TransientError(
            f"{', '.join(late)} did not get the rows of the source again within {_SETTLE_SECONDS:.0f} s.",
            next_step="See that connector and mover run, and undo again.",
        )
    records.expire(before)


def malformed(target: Target, records: list[RawRecord]) -> Forged:
    """Return a record that is no event."""
    known = _some(target, records)
    return Forged(known.partition, known.key, b'{"payload": {"op": "u", "after"', None)


def replayed(target: Target, records: list[RawRecord]) -> Forged:
    """Return the newest event of a key, as a connector writes it again that has lost its offsets."""
    known = _some(target, records)
    return Forged(known.partition, known.key, known.value, _key_of(target, known), tuple(known.headers))


def replayed_earlier(target: Target, records: list[RawRecord]) -> Forged:
    """Return an event of a key that has changed since."""
    newest = newest_by_key(records)
    for record in records:
        later = newest.get(record.key or b"")
        if later is not None and later.offset > record.offset and record.payload.get("op") in ("c", "u"):
            return Forged(record.partition, record.key, record.value, _key_of(target, record), tuple(record.headers))
    raise TerminalError(
        f"no row of {target.name} has more than one event.", next_step="Change some rows in the source first."
    )


def forged_update(target: Target, records: list[RawRecord]) -> Forged:
    """Return an update that the source never made."""
    known = _some(target, records)
    column = _text_column(target)
    after = {**known.payload["after"], column: f"{known.payload['after'][column]} forged"}
    value = known.with_payload({**_next_event(known, records), "op": "u", "after": after})
    return Forged(known.partition, known.key, value, _key_of(target, known))


def forged_create(target: Target, records: list[RawRecord]) -> Forged:
    """Return the creation of a row that the source never had."""
    known = _some(target, records)
    (column,) = target.stage.contract.key
    greatest = max(r.payload["after"][column] for r in newest_by_key(records).values())
    number = greatest + _FAR
    event = {**_next_event(known, records), "op": "c", "after": {**known.payload["after"], column: number}}
    return Forged(known.partition, json.dumps({column: number}).encode(), known.with_payload(event), {column: number})


def forged_delete(target: Target, records: list[RawRecord]) -> Forged:
    """Return the delete of a row that the source still has."""
    known = _some(target, records)
    return Forged(
        known.partition, known.key, _delete_of(known, known.payload["after"], records), _key_of(target, known)
    )


def tombstone(target: Target, records: list[RawRecord]) -> Forged:
    """Return a tombstone of a key that lives: compaction would take its row away."""
    known = _some(target, records)
    return Forged(known.partition, known.key, None, _key_of(target, known))


def _delete_again(target: Target, injury: Injury) -> None:
    records = TopicRecords(target.stage)
    everything = records.all()
    place = (injury.facts["partition"], injury.facts.get("offset"))
    found = [r for r in everything if (r.partition, r.offset) == place]
    if not found:
        return  # it was never written, or has been removed
    (made,) = found
    offset = records.write(made.key, _delete_of(made, made.payload["after"], everything), made.partition)

    def covered() -> bool:
        tables = [s for s in target.pipeline.stages if target.name in s.from_ and s.kind in LAKE_KINDS]
        of_rows = [s for s in tables if s.row_meaning != "dead_letters"]
        return all(covers_of(s).next_offset(records.topic, made.partition) > offset for s in of_rows)

    if not Deadline(_SETTLE_SECONDS).wait_until(covered):
        raise TransientError(
            f"the tables behind {target.name} did not take the delete within {_SETTLE_SECONDS:.0f} s.",
            next_step="See that the mover runs, and undo again.",
        )


def _delete_of(known: RawRecord, row: Mapping[str, Any], records: list[RawRecord]) -> bytes:
    return known.with_payload({**_next_event(known, records), "op": "d", "before": row, "after": None})


def _next_event(known: RawRecord, records: list[RawRecord]) -> dict[str, Any]:
    """Return an event of the key as if it had come now, as the last one of the newest transaction."""
    newest = max((r.payload["source"] for r in records if r.payload), key=lambda source: int(source["lsn"]))
    instant = now().timestamp()
    stamps = {
        "ts_ms": int(instant * 1_000),
        "ts_us": int(instant * 1_000_000),
        "ts_ns": int(instant * 1_000_000) * 1000,
    }
    source = {**known.payload["source"], **stamps, "txId": newest["txId"], "lsn": newest["lsn"] + 1}
    return {**known.payload, **stamps, "source": source, "before": None}


def _some(target: Target, records: list[RawRecord]) -> RawRecord:
    """Return the newest event of a key in the middle of those that live, one that was streamed."""
    living = [r for r in newest_by_key(records).values() if r.payload["op"] in ("c", "u")]
    if not living:
        raise TerminalError(f"{target.name} has no streamed row that lives.", next_step="Seed some rows first.")
    return living[len(living) // 2]


def _key_of(target: Target, record: RawRecord) -> dict[str, Any]:
    after = record.payload["after"]
    return {k: after[k] for k in target.stage.contract.key}


def _text_column(target: Target) -> str:
    for name, column in target.stage.contract.columns.items():
        if column.type.family == "string" and "accepted" not in column.promises:
            return name
    raise TerminalError(f"{target.name} has no column of text.", next_step="Choose another topic.")
