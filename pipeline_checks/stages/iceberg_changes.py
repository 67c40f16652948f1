"""Whether tables of an Iceberg catalog have changed, told without loading them: one statement for all of a catalog."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from pipeline_checks.clients.lake import translated


def newest_metadata(name: str, url: str, engines: MutableMapping[tuple[str, ...], Any]) -> dict[str, str]:
    """Return by ``namespace.name`` where the newest metadata of each table lies, of a catalog in a database.

    Each commit writes metadata of its own, so the place differs exactly when the table has changed.

    Parameters
    ----------
    engines:
        The engines of SQLAlchemy that were opened, by ``(name, url)``: one is opened where there is none, and kept.

    Raises
    ------
    TransientError, TerminalError
        When the catalog does not answer, or is none.
    """
    import sqlalchemy as sa
    from pyiceberg.catalog.sql import IcebergTables

    with translated(f"asking the Iceberg catalog {name!r} for its tables"):
        if (name, url) not in engines:
            engines[name, url] = sa.create_engine(url, pool_pre_ping=True, pool_size=1)
        asked = sa.select(
            IcebergTables.table_namespace, IcebergTables.table_name, IcebergTables.metadata_location
        ).where(IcebergTables.catalog_name == name)
        with engines[name, url].connect() as connection:
            return {f"{row[0]}.{row[1]}": str(row[2]) for row in connection.execute(asked)}
