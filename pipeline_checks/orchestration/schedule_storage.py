"""Dagster's SQLite storage of ticks and cursors on connections that stay open: named by ``dagster.yaml``.

A tick of a sensor that finds nothing is half a dozen statements, and the default opens the file and compiles its
statement anew for each of them: more than what the sensor itself does.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from dagster import Field, StringSource
from dagster._core.storage.schedules import SqliteScheduleStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData

from pipeline_checks.orchestration.dagster_home import folder_in_home


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
        storage = cls.from_local(
            inst_data=inst_data,
            base_dir=config_value.get("base_dir")
            or folder_in_home("the storage of ticks", "schedule_storage", "schedules"),
        )
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
            self._engines[process] = sa.create_engine(
                self._conn_string, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}
            )
        return self._engines[process]
