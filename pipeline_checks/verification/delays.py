"""How long the rows of a stage were under way, by instants that stand in the rows."""

from __future__ import annotations

from datetime import datetime

from pipeline_checks.model.delays import Delays, DelaySample
from pipeline_checks.verification.pinning import Pinner
from pipeline_checks.verification.selections import KEY, json_row, rows_of
from pipeline_checks.verification.settled import Settled

_SECONDS = "__seconds"
_TOLERANCE = 0.05
"""Seconds by which two clocks of one machine, read in milliseconds, may disagree."""


def delays_of(pinner: Pinner, settled: Settled, asked: Delays, now: datetime) -> DelaySample:
    """Return how long rows took; those without an instant are left out."""
    import polars as pl

    stage = settled.declaration
    key = stage.contract.key
    columns = [(_SECONDS, f"CAST(({asked.seconds}) AS DOUBLE)"), *((f"{KEY}{k}", f'"{k}"') for k in key)]
    where = None
    if asked.at is not None and asked.window is not None:
        where = f"({asked.at}) >= TIMESTAMPTZ '{now.isoformat()}' - INTERVAL {asked.window} SECOND"
    rows = rows_of(pinner, stage, columns, where).filter(pl.col(_SECONDS).is_not_null()).sort(_SECONDS)
    if not rows.height:
        return DelaySample(0)
    seconds = rows.get_column(_SECONDS)

    def at(share: float) -> float:
        return float(seconds[min(rows.height - 1, int(share * rows.height))])

    slowest = rows.tail(1).row(0, named=True)
    early = rows.filter(pl.col(_SECONDS) < -_TOLERANCE).height
    return DelaySample(rows.height, at(0.5), at(0.95), float(seconds[-1]), early, json_row(slowest, key))
