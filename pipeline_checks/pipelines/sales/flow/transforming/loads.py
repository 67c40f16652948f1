"""What has been loaded into the warehouse, and the moment in which nothing more is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pipeline_checks.clients.postgres import connect, translated

if TYPE_CHECKING:
    import psycopg

_RUNNING: Final = 7_244_501
"""The advisory lock of a run: two runs would build the same tables."""
_LOCK_MILLISECONDS: Final = 60_000
_FREEZE: Final = (
    "LOCK TABLE raw.sales_batch_raw, raw.sales_raw, raw.product_raw, raw.store_raw, raw.loads IN SHARE MODE"
)
"""The loader writes raw.loads last, so it stands last here: both take the tables in one order."""
_NEWEST: Final = """
SELECT DISTINCT ON (table_name) table_name, load_id, delta_version, covers, loaded_rows
FROM raw.loads ORDER BY table_name, load_id DESC
"""


@dataclass(frozen=True)
class Loads:
    """What the tables hold: the newest load of each, and the newest of all (0 before the first)."""

    load_id: int
    tables: dict[str, dict[str, Any]]


def newest_load(connection: psycopg.Connection[Any]) -> int:
    """Return the number of the newest load, 0 before the first."""
    row = connection.execute("SELECT coalesce(max(load_id), 0) FROM raw.loads").fetchone()
    return int(row[0]) if row else 0


@contextmanager
def frozen(url: str) -> Iterator[Loads]:
    """Hold the raw tables as they are and tell what they hold; readers go on, loaders wait until the end.

    The models are built in transactions of their own. Were rows loaded between two of them, what a model left out
    and what the next one took would not add up. Raises TransientError when the tables cannot be had in a minute.
    """
    with connect(url, autocommit=False, application_name="sales_dbt_freeze") as connection:
        with translated("holding the raw tables still for a run of dbt"):
            connection.execute(f"SET LOCAL lock_timeout = {_LOCK_MILLISECONDS}")
            # Nothing is said on this connection while dbt runs.
            connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [_RUNNING])
            connection.execute(_FREEZE)
            rows = connection.execute(_NEWEST).fetchall()
        tables = {
            str(name): {"load_id": number, "delta_version": version, "covers": covers, "loaded_rows": loaded}
            for name, number, version, covers, loaded in rows
        }
        yield Loads(max((t["load_id"] for t in tables.values()), default=0), tables)
        with translated("ending a run of dbt"):
            # A connection that was lost meanwhile held nothing: then the run is not what it seems.
            connection.execute("SELECT 1")
            connection.commit()
