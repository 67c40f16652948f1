"""Dagster's SQLite storage of ticks and cursors on connections that stay open: named by ``dagster.yaml``.

A tick of a sensor that finds nothing is half a dozen statements, and the default opens the file and compiles its
statement anew for each of them: more than what the sensor itself does.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dagster import Field, StringSource
from dagster._core.storage.schedules import SqliteScheduleStorage
from dagster._serdes import ConfigurableClassData

from pipeline_checks.model.errors import ConfigurationError

BUSY_SECONDS = 60
"""For which a writer waits for another one."""


class KeptSqliteScheduleStorage(SqliteScheduleStorage):
    """Ticks, cursors and states of sensors and schedules in the file of Dagster's default, with connections kept."""

    def __init__(self, conn_string: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[int, sa.Engine] = {}
        super().__init__(conn_string, inst_data)

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Return the configuration that ``dagster.yaml`` may give."""
        return {"base_dir": Field(StringSource, is_required=False)}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "KeptSqliteScheduleStorage":
        """Return the storage that a configuration describes; raises ConfigurationError when it has no folder."""
        storage = cls.from_local(inst_data=inst_data, base_dir=config_value.get("base_dir") or _default_folder())
        assert isinstance(storage, cls)
        return storage

    @contextmanager
    def connect(self) -> Iterator[sa.Connection]:
        """Give a connection in a transaction."""
        with self._engine().connect() as connection, connection.begin():
            yield connection

    def dispose(self) -> None:
        """Close the connections."""
        engine = self._engines.pop(os.getpid(), None)
        if engine is not None:
            engine.dispose()

    def _engine(self) -> sa.Engine:
        process = os.getpid()  # one that was forked must not use the connections of its parent
        if process not in self._engines:
            self._engines[process] = sa.create_engine(self._conn_string, connect_args={"timeout": BUSY_SECONDS})
        return self._engines[process]


def _default_folder() -> str:
    home = os.environ.get("DAGSTER_HOME")
    if not home:
        raise ConfigurationError(
            "the storage of ticks has no folder: DAGSTER_HOME is not set",
            next_step="Set DAGSTER_HOME, or `base_dir` below `schedule_storage` in dagster.yaml.",
        )
    return str(Path(home) / "schedules")
