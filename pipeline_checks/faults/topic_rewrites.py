"""Faults of topics whose records were made of others: records that are lost, doubled, invented, moved or altered.

A topic is only ever added to, so one that is to lack or change a record is made again, with its settings and all of its
other records. Nobody may write to it meanwhile.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline_checks.clients import kafka
from pipeline_checks.faults.fault import Target
from pipeline_checks.faults.injury import Injury
from pipeline_checks.faults.topic_records import RawRecord, TopicRecords
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import TerminalError, TransientError
from pipeline_checks.model.links import Links, is_linked, links_of
from pipeline_checks.model.stage import StageDeclaration

_MOST = 50_000
"""Records of a topic that are kept in an injury, so that they can be put back."""
_SECONDS = 30.0


@dataclass(frozen=True)
class Edited:
    """A topic as it shall be: its records, by partition in their order, and what an expectation is made of."""

    records: Sequence[RawRecord]
    keys: tuple[Mapping[str, Any], ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


Edit = Callable[[Target, list[RawRecord]], Edited]
Prepare = Callable[[Target], None]


@dataclass(frozen=True)
class EditedTopic:
    """Records of a topic are others than its writer wrote.

    ``prepare`` sees to it that there is something to damage; what it adds is data like any other, and stays.
    """

    name: str
    description: str
    edit: Edit
    prepare: Prepare | None = None

    def acts_on(self, target: Target) -> bool:
        """Whether the target is a topic whose records were made of others."""
        return target.is_stage and is_linked(target.stage)

    def plan(self, target: Target) -> Injury:
        """Return the records that will be damaged, and all that are there."""
        if self.prepare is not None:
            self.prepare(target)
        records = TopicRecords(target.stage).all()
        if len(records) > _MOST:
            raise TerminalError(
                f"{target.name} has {len(records):,} records, at most {_MOST:,} can be put back.",
                next_step="Try it with fewer.",
            )
        edited = self.edit(target, records)
        what = f"{self.description} ({target.name})"
        undo = {"records": packed(records)}
        return Injury(self.name, target.pipeline.name, target.name, what, edited.keys, edited.facts, undo)

    def act(self, target: Target, injury: Injury) -> Injury:
        """Make the topic again with the damage."""
        made_again(target.stage, self.edit(target, unpacked(injury.undo["records"])).records)
        return injury

    def undo(self, target: Target, injury: Injury) -> None:
        """Make it again as it was."""
        made_again(target.stage, unpacked(injury.undo["records"]))


def made_again(stage: StageDeclaration, records: Sequence[RawRecord]) -> None:
    """Delete a topic and make it again with the same settings, and these records in their order."""
    from confluent_kafka import KafkaError, KafkaException
    from confluent_kafka.admin import ConfigResource, NewTopic, ResourceType  # type: ignore[attr-defined]

    topic = TopicRecords(stage)
    what = f"making the topic {topic.topic} again"
    with kafka.translated(what):
        admin = kafka.admin(topic.bootstrap)
        partitions = len(topic.ends())
        resource = ConfigResource(ResourceType.TOPIC, topic.topic)
        asked = admin.describe_configs([resource], request_timeout=kafka.REQUEST_TIMEOUT_SECONDS)
        settings = next(iter(asked.values())).result()
        config = {
            name: entry.value
            for name, entry in settings.items()
            if getattr(entry.source, "value", entry.source) == _OF_THE_TOPIC
        }
        admin.delete_topics([topic.topic])[topic.topic].result(timeout=_SECONDS)

        def created() -> bool:
            try:
                new = NewTopic(topic.topic, partitions, 1, config=config)
                admin.create_topics([new])[topic.topic].result(timeout=_SECONDS)
            except KafkaException as problem:
                if problem.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise
                return False
            return True

        if not Deadline(_SECONDS).wait_until(created):
            raise TransientError(f"{what}: it is still being deleted.", next_step="Undo once more.")
    topic.write_all(records)


_OF_THE_TOPIC = 1
"""Kafka's number for a setting that was made of a topic, and is no default."""


def lost(number: int) -> Edit:
    """Return the edit that takes away some records from the middle, behind each other in their input's partition."""

    def edit(target: Target, records: list[RawRecord]) -> Edited:
        links = _links(target)
        chosen = _stretch(records, links, number)
        gone = {(r.partition, r.offset) for r in chosen}
        places = [source_of(r, links) for r in chosen]
        facts = {
            "topic": header(chosen[0], links.topic) if links.topic else None,
            "partition": places[0]["partition"],
            "first": min(p["offset"] for p in places),
            "last": max(p["offset"] for p in places),
        }
        return Edited([r for r in records if (r.partition, r.offset) not in gone], tuple(places), facts)

    return edit


def doubled(target: Target, records: list[RawRecord]) -> Edited:
    """Return the edit that writes a record a second time."""
    known = _middle(records)
    return Edited([*records, known], (source_of(known, _links(target)),))


def invented(target: Target, records: list[RawRecord]) -> Edited:
    """Return the edit that writes a record of an input that never was."""
    links, known = _links(target), _middle(records)
    far = str(10**12).encode()
    headers = [(name, far if name == links.offset else value) for name, value in known.headers]
    place = {"partition": known.partition, "offset": sum(r.partition == known.partition for r in records)}
    return Edited([*records, replace(known, headers=headers)], (place,))


def altered(
    change: Callable[[dict[str, Any]], Mapping[str, Any]], choose: Callable[..., RawRecord] | None = None
) -> Edit:
    """Return the edit that changes the message of one record."""

    def edit(target: Target, records: list[RawRecord]) -> Edited:
        known = _middle(records) if choose is None else choose(records)
        message = {**known.payload, **change(known.payload)}
        value = json.dumps(message).encode()
        return Edited(_with(records, known, replace(known, value=value)), (source_of(known, _links(target)),))

    return edit


def rekeyed(target: Target, records: list[RawRecord]) -> Edited:
    """Return the edit that gives a record the key of another one."""
    known = _middle(records)
    other = next((r for r in records if r.partition == known.partition and r.key != known.key), None)
    if other is None:
        raise TerminalError(f"{target.name} has one key only.", next_step="Seed some rows first.")
    changed = _with(records, known, replace(known, key=other.key))
    return Edited(changed, (source_of(known, _links(target)),))


def swapped(target: Target, records: list[RawRecord]) -> Edited:
    """Return the edit that puts the last two records of a key into the other order."""
    by_key: dict[tuple[int, bytes | None], list[RawRecord]] = {}
    for record in records:
        by_key.setdefault((record.partition, record.key), []).append(record)
    pair = next((found[-2:] for (_, key), found in by_key.items() if key is not None and len(found) > 1), None)
    if pair is None:
        raise TerminalError(f"no key of {target.name} has two records.", next_step="Write some first.")
    first, second = pair
    changed = _with(_with(records, first, replace(second, offset=first.offset)), second, first)
    key = {"key": (first.key or b"").decode()}
    return Edited(changed, (key,))


def source_of(record: RawRecord, links: Links) -> dict[str, int]:
    """Return the partition and offset of the record that a record was made of."""
    return {"partition": int(header(record, links.partition) or -1), "offset": int(header(record, links.offset) or -1)}


def header(record: RawRecord, name: str) -> str | None:
    """Return a header of a record as text."""
    found = next((value for n, value in record.headers if n == name), None)
    return found.decode() if isinstance(found, bytes) else found


def packed(records: Sequence[RawRecord]) -> str:
    """Return records as one text."""
    rows = [
        [r.partition, r.offset, _text(r.key), _text(r.value), [[n, _text(_bytes(v))] for n, v in r.headers]]
        for r in records
    ]
    return base64.b64encode(zlib.compress(json.dumps(rows).encode())).decode()


def unpacked(text: str) -> list[RawRecord]:
    """Return the records of a text."""
    rows = json.loads(zlib.decompress(base64.b64decode(text)))
    return [
        RawRecord(p, o, _unpacked(key), _unpacked(value), [(n, _unpacked(v)) for n, v in headers])
        for p, o, key, value, headers in rows
    ]


def _with(records: Sequence[RawRecord], known: RawRecord, instead: RawRecord) -> list[RawRecord]:
    place = (known.partition, known.offset)
    return [instead if (r.partition, r.offset) == place else r for r in records]


def _stretch(records: list[RawRecord], links: Links, number: int) -> list[RawRecord]:
    by_source: dict[tuple[str | None, int], list[RawRecord]] = {}
    for record in records:
        topic = header(record, links.topic) if links.topic else None
        by_source.setdefault((topic, source_of(record, links)["partition"]), []).append(record)
    most = max(by_source.values(), key=lambda found: len(found), default=[])
    longest = sorted(most, key=lambda r: source_of(r, links)["offset"])
    if len(longest) < number + 2:
        raise TerminalError(f"there are too few records to lose {number}.", next_step="Seed some rows first.")
    begin = (len(longest) - number) // 2
    return longest[begin : begin + number]


def _middle(records: list[RawRecord]) -> RawRecord:
    if not records:
        raise TerminalError("there is no record that could be damaged.", next_step="Seed some rows first.")
    return records[len(records) // 2]


def _links(target: Target) -> Links:
    links = links_of(target.stage)
    if links is None:
        raise TerminalError(f"{target.name} has no links.", next_step="Choose another topic.")
    return links


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def _text(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def _unpacked(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)
