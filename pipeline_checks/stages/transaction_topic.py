"""The topic in which Debezium tells of each transaction how many events it has (``provide.transaction.metadata``).

Of each transaction there is a BEGIN and an END; the END bears the id ``txId:lsn``, the LSN being that of the commit,
and the number of events by table.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline_checks.stages.embedded_json import EmbeddedJson
from pipeline_checks.stages.topic_log import TopicLog

if TYPE_CHECKING:
    from confluent_kafka import Message

_END = "END"


@dataclass
class TransactionEnds:
    """The ENDs of a transaction topic, column by column: one row for each transaction and table.

    A transaction that changed no table has one row without a table. ``malformed`` counts records that are neither BEGIN
    nor END.
    """

    tx_id: list[int] = field(default_factory=list)
    commit_lsn: list[int] = field(default_factory=list)
    table: list[str | None] = field(default_factory=list)
    events: list[int] = field(default_factory=list)
    partition: list[int] = field(default_factory=list)
    offset: list[int] = field(default_factory=list)
    malformed: int = 0
    _parser: EmbeddedJson = field(default_factory=EmbeddedJson, repr=False)

    def add(self, message: Message) -> None:
        """Take a record in; BEGINs and tombstones are passed over."""
        self.add_record(message.partition() or 0, message.offset() or 0, message.value())

    def add_record(self, partition: int, offset: int, value: bytes | None) -> None:
        """Take the record of a place in."""
        if value is None:
            return
        try:
            _, payload = self._parser.parse(value)
            if payload["status"] != _END:
                return
            tx_id, _, lsn = str(payload["id"]).partition(":")
            tables: list[tuple[str | None, int]] = [
                (str(t["data_collection"]), int(t["event_count"])) for t in payload["data_collections"] or ()
            ]
            place = (int(tx_id), int(lsn or 0))
        except (ValueError, TypeError, KeyError):
            self.malformed += 1
            return
        for name, events in tables or [(None, 0)]:
            self.tx_id.append(place[0])
            self.commit_lsn.append(place[1])
            self.table.append(name)
            self.events.append(events)
            self.partition.append(partition)
            self.offset.append(offset)

    def to_json(self, topic: str, expired: bool) -> dict[str, Any]:
        """Return ``topic``, ``expired`` (records of it are gone), ``malformed``, and the columns by their names."""
        columns = ("tx_id", "commit_lsn", "table", "events", "partition", "offset")
        told = {"topic": topic, "expired": expired, "malformed": self.malformed}
        return {**told, **{name: getattr(self, name) for name in columns}}


def transaction_facts(bootstrap: str, topic: str) -> dict[str, Any]:
    """Return the ENDs of all transactions that the topic has committed now; see ``TransactionEnds.to_json``.

    Raises TerminalError when there is no such topic.
    """
    log = TopicLog(bootstrap, topic)
    try:
        low, high = log.watermarks()
        ends = TransactionEnds()
        for batch in log.records(low, high):
            for message in batch:
                ends.add(message)
        return ends.to_json(topic, expired=any(low.values()))
    finally:
        log.close()
