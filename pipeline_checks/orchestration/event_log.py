"""Dagster's SQLite event log on connections that stay open: named by ``dagster.yaml``, the same files as its default.

A check is three events, an event up to six statements, and the default connects anew and compiles its statement for
each of them: two thirds of what a run of checks costs beside its data.
"""

import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dagster import Field, StringSource
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy.pool import StaticPool

from pipeline_checks.orchestration.dagster_home import folder_in_home

MOST_OPEN = 8
"""Files whose connection stays open: each run has a file, and one holds what is known across runs."""


class KeptSqliteEventLogStorage(SqliteEventLogStorage):
    """The event log in SQLite files, one a run, whose connections are kept.

    Parameters
    ----------
    base_dir:
        The folder of the files; ``history/runs`` in ``DAGSTER_HOME`` when None, where Dagster's default has them.

    Raises
    ------
    ConfigurationError
        When neither ``base_dir`` nor ``DAGSTER_HOME`` is set.
    """

    def __init__(self, base_dir: str | None = None, inst_data: ConfigurableClassData | None = None) -> None:
        self._kept: OrderedDict[tuple[int, str], sa.Engine] = OrderedDict()
        super().__init__(base_dir or folder_in_home("the event log", "event_log_storage", "history", "runs"), inst_data)

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Return the configuration that ``dagster.yaml`` may give."""
        return {"base_dir": Field(StringSource, is_required=False)}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "KeptSqliteEventLogStorage":
        """Return the storage that a configuration describes."""
        return cls(inst_data=inst_data, **config_value)

    def wipe(self) -> None:
        """Remove all events; their files are removed with them."""
        self._close_all()
        super().wipe()

    def dispose(self) -> None:
        """Close all files."""
        self._close_all()
        super().dispose()

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sa.Connection]:
        # One thread at a time, as in the class above: its lock is what makes one connection a file enough.
        with self._db_lock, self._engine(shard).connect() as connection, connection.begin():
            yield connection

    def _engine(self, shard: str) -> sa.Engine:
        known = (os.getpid(), shard)  # a process that was forked must not use the connections of its parent
        if known not in self._kept or not Path(self.path_for_shard(shard)).exists():
            self._close(known)
            engine = sa.create_engine(
                self.conn_string_for_shard(shard),
                poolclass=StaticPool,
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
            )
            self._initdb(engine)
            self._kept[known] = engine
            while len(self._kept) > MOST_OPEN:
                self._close(next(iter(self._kept)))
        self._kept.move_to_end(known)
        return self._kept[known]

    def _close_all(self) -> None:
        with self._db_lock:
            for known in list(self._kept):
                self._close(known)

    def _close(self, known: tuple[int, str]) -> None:
        engine = self._kept.pop(known, None)
        if engine is not None and known[0] == os.getpid():
            engine.dispose()
