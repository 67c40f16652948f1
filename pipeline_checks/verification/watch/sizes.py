"""Whether a verification is small enough for a sensor's tick: by the rows that the ledger knows of what it reads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pipeline_checks.clients.settings import setting
from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.stage import StageDeclaration

ROWS_VARIABLE: Final = "PIPELINE_CHECKS_TICK_ROWS"
MOST_ROWS: Final = 200_000
"""Rows that a tick reads at most, of all stages together: about a second's work."""


def most_rows() -> int:
    """Return how many rows a tick may read; raises ConfigurationError when the setting is no number."""
    written = setting(ROWS_VARIABLE, str(MOST_ROWS))
    if not written.isdigit():
        raise ConfigurationError(
            f"{ROWS_VARIABLE} is {written!r}", next_step=f"Write a whole number, such as {MOST_ROWS}."
        )
    return int(written)


def rows_to_read(pipeline: Pipeline, stages: Iterable[StageDeclaration]) -> int | None:
    """Return how many rows the stages have, together with all that they are made from.

    None when the ledger does not know all of them, as no run has looked at them yet, or cannot be read.
    """
    from pipeline_checks.verification.ledger.ledger import Ledger

    read = {s.name for stage in stages for s in (stage, *pipeline.ancestors(stage)) if s.holds_rows}
    try:
        with Ledger.of(pipeline.stages) as ledger:
            rows = ledger.newest_rows(pipeline.name, read)
    except PipelineChecksError:
        return None
    return sum(rows.values()) if read <= set(rows) else None
