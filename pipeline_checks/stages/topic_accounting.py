"""What stands at each offset of a topic, as far as its readers are shown.

A consumer is never handed the markers that end a transaction, and one that reads committed records none of an aborted
transaction. An offset that was not handed out is looked for once more among the uncommitted records: what is found
there was aborted, what is not is a marker, or lost. Which of the two, no client is told: markers stand alone or few in
a row, lost records do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.events import MALFORMED, OFFSET, OP, PARTITION, TOMBSTONE
from pipeline_checks.model.measure import KEY_SAMPLE

if TYPE_CHECKING:
    import pyarrow

    from pipeline_checks.stages.topic_log import TopicLog

_READINGS = 16
"""Up to so many stretches of a partition are read one by one; more are read in one go, with what lies between."""


@dataclass(frozen=True)
class Stretch:
    """Offsets of one partition, both ends inclusive."""

    partition: int
    first: int
    last: int

    @property
    def offsets(self) -> int:
        """How many they are."""
        return self.last - self.first + 1

    def to_json(self) -> dict[str, int]:
        """Return ``{"partition", "first", "last"}``."""
        return {"partition": self.partition, "first": self.first, "last": self.last}


@dataclass
class Account:
    """The offsets of a topic from its first retained one up to a position, by what stands there.

    ``records`` have a value that could be read, ``tombstones`` none, ``malformed`` one that could not. ``aborted`` were
    seen among uncommitted records only. ``compacted`` counts what is not there in a topic that is compacted. ``single``
    counts offsets that no reader is shown between two that are seen; ``unseen`` are longer stretches of such.
    ``expired`` offsets lie before the first that is retained.
    """

    offsets: int = 0
    records: int = 0
    tombstones: int = 0
    malformed: int = 0
    aborted: int = 0
    compacted: int = 0
    expired: int = 0
    single: list[Stretch] = field(default_factory=list)
    unseen: list[Stretch] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return all numbers by name; ``single`` as their number and a sample, ``unseen`` as a list of stretches."""
        numbers = ("offsets", "records", "tombstones", "malformed", "aborted", "compacted", "expired")
        return {
            **{name: getattr(self, name) for name in numbers},
            "single": len(self.single),
            "single_sample": [s.to_json() for s in self.single[:KEY_SAMPLE]],
            "unseen": [s.to_json() for s in self.unseen],
        }


def account_for(
    events: pyarrow.Table, end: Mapping[int, int], log: TopicLog, *, is_compacted: bool, low: Mapping[int, int]
) -> Account:
    """Return what stands at each offset below ``end``.

    ``events`` are the records that were read, one a row. ``low`` are the first offsets retained now: what lies before
    them has expired, whether it was read or not.
    """
    import polars as pl

    frame = pl.from_arrow(events.select([PARTITION, OFFSET, OP]))
    assert isinstance(frame, pl.DataFrame)
    account = Account(expired=sum(min(low.get(p, 0), limit) for p, limit in end.items()))
    for partition, limit in end.items():
        begin = min(low.get(partition, 0), limit)
        seen = frame.filter((pl.col(PARTITION) == partition) & pl.col(OFFSET).is_between(begin, limit - 1))
        operations = seen.get_column(OP)
        tombstones, malformed = (int((operations == op).sum()) for op in (TOMBSTONE, MALFORMED))
        account.offsets += limit - begin
        account.tombstones += tombstones
        account.malformed += malformed
        account.records += seen.height - tombstones - malformed
        missing = list(_holes(seen.get_column(OFFSET).sort().to_list(), partition, begin, limit))
        if is_compacted:
            account.compacted += sum(s.offsets for s in missing)
            continue
        account.single += [s for s in missing if s.offsets == 1]
        account.unseen += [s for s in missing if s.offsets > 1]
    _find_aborted(account, log)
    return account


def _find_aborted(account: Account, log: TopicLog) -> None:
    """Look for the records of aborted transactions in the longer stretches; what remains is split around them."""
    stretches, account.unseen = account.unseen, []
    shown = _shown_uncommitted(stretches, log)
    for stretch in stretches:
        inside = [o for o in shown.get(stretch.partition, ()) if stretch.first <= o <= stretch.last]
        account.aborted += len(inside)
        for rest in _holes(inside, stretch.partition, stretch.first, stretch.last + 1):
            (account.single if rest.offsets == 1 else account.unseen).append(rest)


def _shown_uncommitted(stretches: Iterable[Stretch], log: TopicLog) -> dict[int, list[int]]:
    """Return the offsets of the records that a reader of uncommitted records is shown, by partition, rising."""
    found: dict[int, set[int]] = {}
    for round_ in _rounds(stretches):
        begin = {s.partition: s.first for s in round_}
        end = {s.partition: s.last + 1 for s in round_}
        for batch in log.records(begin, end, isolation="read_uncommitted"):
            for message in batch:
                found.setdefault(int(message.partition() or 0), set()).add(int(message.offset() or 0))
    return {partition: sorted(offsets) for partition, offsets in found.items()}


def _rounds(stretches: Iterable[Stretch]) -> Iterator[list[Stretch]]:
    """Yield stretches that can be read at once: one a partition."""
    by_partition: dict[int, list[Stretch]] = {}
    for stretch in stretches:
        by_partition.setdefault(stretch.partition, []).append(stretch)
    for partition, own in by_partition.items():
        if len(own) > _READINGS:
            by_partition[partition] = [Stretch(partition, own[0].first, own[-1].last)]
    for turn in range(max(map(len, by_partition.values()), default=0)):
        yield [own[turn] for own in by_partition.values() if turn < len(own)]


def _holes(seen: Sequence[int], partition: int, begin: int, end: int) -> Iterator[Stretch]:
    """Yield the stretches of [begin, end) without the offsets seen, which rise."""
    expected = begin
    for offset in (*seen, end):
        if offset > expected:
            yield Stretch(partition, expected, offset - 1)
        expected = offset + 1
