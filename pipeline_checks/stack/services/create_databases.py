"""Creates the databases named by the arguments where they do not exist: ``python -m ...create_databases NAME...``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pipeline_checks.clients.postgres import connect, translated
from pipeline_checks.clients.settings import setting


def create_databases(url: str, names: Sequence[str]) -> list[str]:
    """Create what is missing and return its names."""
    from psycopg import sql

    created = []
    with connect(url) as connection:
        for name in names:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
                with translated(f"creating the database {name}"):
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
                created.append(name)
    return created


if __name__ == "__main__":
    create_databases(setting("POSTGRES_URL"), sys.argv[1:])
