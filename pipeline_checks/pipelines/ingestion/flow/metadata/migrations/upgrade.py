"""Brings the tables of the service to the newest version."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

_LOCK: Final = 7_165_326_012
"""Number of the advisory lock under which the tables are changed: two starts at once must not both try."""


def configuration() -> Config:
    """Return Alembic's configuration of these scripts."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config


def upgrade(engine: sa.Engine) -> None:
    """Make or change the tables, all of it or nothing."""
    with engine.begin() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        config = configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def newest() -> str | None:
    """Return the newest version among the scripts."""
    return ScriptDirectory.from_config(configuration()).get_current_head()
