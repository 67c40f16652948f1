"""The measure of whether the transactions of a source arrived whole in the topics of its connector."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline_checks.model.measure import Measure
from pipeline_checks.model.position import Position


@dataclass(frozen=True)
class TransactionComparison(Measure):
    """The transactions of the cut in a connector's topics against what it told; value: ``TransactionDifference``."""


@dataclass(frozen=True)
class TornTransaction:
    """A transaction with another number of events of a ``table`` in the topic of ``stage`` than the connector told.

    ``expected`` is None where the connector told no end of it. ``position`` is the place of that end, or else of the
    transaction's first event.
    """

    tx_id: int
    table: str
    stage: str
    expected: int | None
    seen: int
    position: Position | None = None


@dataclass(frozen=True)
class TransactionDifference:
    """Value of ``TransactionComparison``, with a sample of the torn ones, each by table.

    ``unknown`` counts transactions of which events or ends may have expired, ``malformed`` records of the transaction
    topic that could not be understood. ``against`` names the stages of the topics.
    """

    transactions: int
    events: int
    torn_total: int
    torn: tuple[TornTransaction, ...] = ()
    unknown: int = 0
    malformed: int = 0
    against: tuple[str, ...] = ()
