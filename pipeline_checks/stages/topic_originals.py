"""Single records of a topic, read again as the bytes that they are."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline_checks.stages.topic_log import TopicLog

_NEAR = 500
"""Records so near to each other are read in one go, with those between them."""


@dataclass(frozen=True)
class Original:
    """One record as it stands in its topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


def originals(log: TopicLog, places: Collection[tuple[int, int]]) -> dict[tuple[int, int], Original]:
    """Return the records at these places (partition, offset); those that are not there any more are left out.

    Raises what ``TopicLog.records`` does.
    """
    low, high = log.watermarks()
    wanted = {(p, o) for p, o in places if low.get(p, 0) <= o < high.get(p, 0)}
    found: dict[tuple[int, int], Original] = {}
    for round_ in _rounds(wanted):
        begin = {p: first for p, (first, _) in round_.items()}
        end = {p: last + 1 for p, (_, last) in round_.items()}
        for batch in log.records(begin, end):
            for m in batch:
                place = (int(m.partition() or 0), int(m.offset() or 0))
                if place in wanted:
                    found[place] = Original(*place, _bytes(m.key()), _bytes(m.value()))
    return found


def _rounds(places: Collection[tuple[int, int]]) -> Iterator[dict[int, tuple[int, int]]]:
    """Yield stretches that can be read at once: one a partition, first and last offset."""
    stretches: dict[int, list[tuple[int, int]]] = {}
    for partition, offset in sorted(places):
        own = stretches.setdefault(partition, [])
        if own and offset - own[-1][1] <= _NEAR:
            own[-1] = (own[-1][0], offset)
        else:
            own.append((offset, offset))
    for turn in range(max(map(len, stretches.values()), default=0)):
        yield {partition: own[turn] for partition, own in stretches.items() if turn < len(own)}


def _bytes(value: Any) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
