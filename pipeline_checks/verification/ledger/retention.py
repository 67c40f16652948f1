"""Takes runs out of the ledger that are older than what is kept: a few with each run added, never all at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from pipeline_checks.clients.settings import setting
from pipeline_checks.model.duration import parse_duration
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.verification.ledger.tables import LAST_KEPT, OF_A_RUN, RUNS

KEEP_VARIABLE: Final = "PIPELINE_CHECKS_LEDGER_KEEP"
DEFAULT_KEEP: Final = "90d"
STEP: Final = 20
"""Runs taken out at once: more than are added, so that the rest goes soon; few, so that no writer waits long."""


def keep() -> timedelta:
    """Return how long runs are kept; raises ConfigurationError when the setting is not a duration above zero."""
    written = setting(KEEP_VARIABLE, DEFAULT_KEEP)
    try:
        seconds = parse_duration(written)
    except ValueError as problem:
        raise ConfigurationError(
            f"{KEEP_VARIABLE}: {problem}", next_step=f"Write a duration such as {DEFAULT_KEEP}.", variable=KEEP_VARIABLE
        ) from None
    if seconds <= 0:
        raise ConfigurationError(
            f"{KEEP_VARIABLE} is {written}, and nothing would be kept",
            next_step=f"Write a duration such as {DEFAULT_KEEP}.",
            variable=KEEP_VARIABLE,
        )
    return timedelta(seconds=seconds)


def expire(connection: sa.Connection, before: datetime, step: int = STEP) -> int:
    """Take out up to ``step`` of the oldest runs that began before an instant, and return how many went.

    The newest schema, facts and proof of each stage stay, however old they are.
    """
    oldest = sa.select(RUNS.c.run_id, RUNS.c.at).where(RUNS.c.at < before).order_by(RUNS.c.at).limit(step)
    found = connection.execute(oldest).all()
    if not found:
        return 0
    runs, until = [row.run_id for row in found], found[-1].at
    for table in LAST_KEPT:
        newer = table.alias()
        same = [newer.c[name] == table.c[name] for name in _THING[table.name]]
        outlived = sa.exists().where(*same, newer.c.at > table.c.at)
        connection.execute(sa.delete(table).where(table.c.at <= until, outlived))
    for table in OF_A_RUN:
        connection.execute(sa.delete(table).where(table.c.run_id.in_(runs)))
    return len(runs)


_THING: Final = {
    table.name: ("pipeline", *(c.name for c in table.primary_key.columns if c.name != "run_id")) for table in LAST_KEPT
}
"""What a row of such a table is about."""
