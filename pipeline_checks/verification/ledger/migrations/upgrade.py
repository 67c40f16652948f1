"""Brings the tables of a ledger to the newest version."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory


def configuration() -> Config:
    """Return Alembic's configuration of these scripts."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config


def upgrade(connection: sa.Connection) -> None:
    """Make or change the tables within the connection's transaction."""
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def newest() -> str | None:
    """Return the newest version among the scripts."""
    return ScriptDirectory.from_config(configuration()).get_current_head()
