"""The words in which the expectations of this pipeline are written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, Final

from pipeline_checks.faults.expectation import RANGE, ExpectedFinding, finding
from pipeline_checks.faults.injury import Injury

FEED: Final = "exchange_feed"
TOPIC: Final = "trades_topic"
LETTERS: Final = "trades_dead_letters"
WRITER: Final = "trades_writer"
TABLE: Final = "trades_table"
API: Final = "trades_api"
STAGES: Final = (FEED, TOPIC, LETTERS, WRITER, TABLE, API)
FIRST_ID: Final = 1
SEQUENCED: Final = (FEED, TOPIC, TABLE, API)
"""The stages whose trades are numbered."""


def runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield the stretches of whole numbers, first and last.

    >>> list(runs([1, 2, 3, 7]))
    [(1, 3), (7, 7)]
    """
    for _, group in groupby(enumerate(sorted(numbers)), key=lambda pair: pair[1] - pair[0]):
        stretch = [number for _, number in group]
        yield stretch[0], stretch[-1]


def gap(stage: str, symbol: str, first: int, last: int, blamed: str) -> ExpectedFinding:
    """Return the finding of a gap."""
    size = "large" if last - first + 1 > 10 else "small"
    key = {"symbol": symbol, "first": first, "last": last}
    return finding(stage, "sequence", "gap", blamed=blamed, detail=size, key=key)


def gaps(stages: Iterable[str], ids: dict[str, list[int]], blamed: str) -> Iterator[ExpectedFinding]:
    """Yield the gaps of ids that are missing at stages, by symbol."""
    for stage in stages:
        for symbol, numbers in ids.items():
            for first, last in runs(numbers):
                if first == FIRST_ID:
                    continue  # without its first trades a symbol begins later, which is no gap
                yield gap(stage, symbol, first, last, blamed)


def by_symbol(injury: Injury) -> dict[str, list[int]]:
    """Return the ids of the keys of an injury, by symbol."""
    found: dict[str, list[int]] = {}
    for key in injury.keys:
        found.setdefault(str(key["symbol"]), []).append(int(key["source_sequence"]))
    return found


def counted(kind: Any, injury: Injury) -> Iterator[ExpectedFinding]:
    """Yield a finding of ``counts`` for each key."""
    for key in injury.keys:
        yield finding(TABLE, "counts", kind, key=key)


def doubled(injury: Injury) -> Iterator[ExpectedFinding]:
    """Yield each key that stands in the table twice; the API shows it too."""
    for stage in (TABLE, API):
        for check in ("counts", "duplicates"):
            for key in injury.keys:
                yield finding(stage, check, "duplicate", blamed=TABLE, detail="sink_rewrite", key=key)


def reconciled(injury: Injury) -> Iterator[ExpectedFinding]:
    """Yield a finding of ``reconcile`` for each key."""
    for key in injury.keys:
        yield finding(TABLE, "reconcile", "changed", key=key)


def broken(injury: Injury, *rules: str) -> Iterator[ExpectedFinding]:
    """Yield each row that breaks a rule; the API shows it too."""
    for stage in (TABLE, API):
        for rule in rules:
            for key in injury.keys:
                yield finding(stage, "expressions", "unaccepted_value", blamed=TABLE, detail=rule, key=key)


def foreign(injury: Injury) -> Iterator[ExpectedFinding]:
    """Yield the commits that were made behind the writer's back."""
    for _ in injury.facts["commits"]:
        yield finding(TABLE, "continuity", "unexpected", detail="foreign_writer")


def unbalanced(kind: Any) -> Iterator[ExpectedFinding]:
    """Yield what the sums of the table say."""
    yield finding(TABLE, "balance", kind, detail="balance")


def ranges(injury: Injury) -> Iterator[ExpectedFinding]:
    """Yield a finding for each stretch of a partition whose trades are missing."""
    for stretch in injury.facts["ranges"]:
        yield finding(TABLE, "counts", "missing", detail=RANGE, key=stretch)


def drift(stage: str, check: str, detail: str) -> ExpectedFinding:
    """Return a drift of a schema."""
    return finding(stage, check, "schema_drift", detail=detail)
