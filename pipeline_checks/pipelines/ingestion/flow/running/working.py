"""A worker: it takes runs one after the other, begins those that are due, and clears up behind workers that died."""

from __future__ import annotations

import logging
import os
import select
import socket
import threading
from contextlib import suppress
from time import monotonic
from typing import Any
from uuid import uuid4

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from pipeline_checks.clients.monitor import serve_monitor
from pipeline_checks.model.clock import now
from pipeline_checks.model.errors import PipelineChecksError, TransientError
from pipeline_checks.pipelines.ingestion.flow.credentials import Vault
from pipeline_checks.pipelines.ingestion.flow.engines import Engines
from pipeline_checks.pipelines.ingestion.flow.metadata import tables
from pipeline_checks.pipelines.ingestion.flow.metadata.database import WAKE_CHANNEL, Database
from pipeline_checks.pipelines.ingestion.flow.refreshing.recovery import finish_abandoned
from pipeline_checks.pipelines.ingestion.flow.running.execution import Execution, Stopping
from pipeline_checks.pipelines.ingestion.flow.running.heartbeat import Heartbeat
from pipeline_checks.pipelines.ingestion.flow.running.leases import LeaseLost, claim, expire, release
from pipeline_checks.pipelines.ingestion.flow.running.run_metrics import RunMetrics
from pipeline_checks.pipelines.ingestion.flow.scheduling import start_due
from pipeline_checks.pipelines.ingestion.flow.settings import Settings

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 1.0
"""How often a worker looks by itself, should nobody wake it."""
ALIVE_SECONDS = 5.0
"""How often a worker without a run says that it is there."""


class Worker:
    """One worker with its connections."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.id = f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}"
        self._database = Database(settings.database_url.get_secret_value(), connections=4)
        self._engines = Engines(settings)
        self._vault = Vault([key.get_secret_value() for key in settings.encryption_keys])
        self._metrics = RunMetrics()
        self._stopped = threading.Event()
        self._wake_reader, self._wake_writer = os.pipe()
        self._next_schedule = 0.0
        self._next_sign = 0.0
        self._problem: str | None = "not started yet"

    def stop(self) -> None:
        """Stop behind the file that is being loaded; the run is given back."""
        self._stopped.set()
        os.write(self._wake_writer, b".")

    def run(self) -> None:
        """Work until told to stop."""
        monitor = serve_monitor(self._settings.port, self._metrics.registry, self._health, {"/": self._root})
        ears: psycopg.Connection[Any] | None = None
        try:
            while not self._stopped.is_set():
                try:
                    ears = ears if ears is not None and not ears.closed else self._listening()
                    self._look()
                    self._problem = None
                except (PipelineChecksError, psycopg.Error) as problem:
                    self._problem = str(problem)
                    _log.warning("the worker could not look for runs: %s", problem)
                    _close(ears)
                    ears = None
                self._wait(ears)
        finally:
            self._say_goodbye()
            _close(ears)
            monitor.shutdown()
            self._engines.close()
            self._database.close()

    def _look(self) -> None:
        """Do all that there is to do now."""
        with self._database.session() as session:
            for dead in expire(session):
                _log.warning("the lease of run %s has expired", dead)
                self._metrics.expired.inc()
        finish_abandoned(self._database, self._engines)
        self._start_due()
        while not self._stopped.is_set():
            self._say_alive()
            with self._database.session() as session:
                run_id = claim(session, self.id, self._settings.lease_seconds)
            if run_id is None:
                return
            self._carry_out(run_id)
            self._start_due()

    def _start_due(self) -> None:
        if monotonic() < self._next_schedule:
            return
        begun = start_due(self._database, now())
        self._metrics.scheduled.inc(len(begun))
        self._next_schedule = monotonic() + self._settings.scheduler_check_interval

    def _carry_out(self, run_id: str) -> None:
        with Heartbeat(self._database, run_id, self.id, self._settings.lease_seconds) as heartbeat:

            def may_go_on() -> None:
                heartbeat.require()
                if self._stopped.is_set():
                    raise Stopping(run_id)

            execution = Execution(self._database, self._engines, self._vault, self._settings, may_go_on)
            try:
                execution.carry_out(run_id, self.id)
                self._metrics.ended(self._database, run_id)
            except Stopping:
                with self._database.session() as session:
                    release(session, run_id, self.id)
                _log.info("run %s is given back", run_id)
            except LeaseLost:
                _log.warning("run %s is not this worker's any more; nothing further is written for it", run_id)
            except TransientError as problem:
                _log.warning("run %s is left to its lease: %s", run_id, problem)
            except Exception as problem:  # whatever it is, the next run must find a worker
                _log.exception("run %s ended by a fault of this program", run_id)
                execution.give_up(run_id, self.id, problem)

    def _say_alive(self) -> None:
        if monotonic() < self._next_sign:
            return
        self._next_sign = monotonic() + ALIVE_SECONDS
        at = sa.func.clock_timestamp()
        row = insert(tables.Worker).values(id=self.id, started_at=at, heartbeat_at=at)
        with self._database.session() as session:
            session.execute(row.on_conflict_do_update(index_elements=["id"], set_={"heartbeat_at": at}))

    def _say_goodbye(self) -> None:
        with suppress(PipelineChecksError), self._database.session() as session:
            session.execute(sa.delete(tables.Worker).where(tables.Worker.id == self.id))

    def _listening(self) -> psycopg.Connection[Any]:
        connection = psycopg.connect(
            self._database.plain_url, autocommit=True, application_name="ingestion-worker", connect_timeout=5
        )
        connection.execute(f"LISTEN {WAKE_CHANNEL}")
        return connection

    def _wait(self, ears: psycopg.Connection[Any] | None) -> None:
        """Wait until a run waits, until told to stop, or until it is time to look anyhow."""
        files: list[Any] = [self._wake_reader, *([ears] if ears is not None else [])]
        readable, _, _ = select.select(files, (), (), _LOOK_SECONDS)
        if ears is not None and ears in readable:
            try:
                for _ in ears.notifies(timeout=0):  # all at once: one look finds every run that waits
                    pass
            except psycopg.Error:  # the server is gone; the next look tells
                ears.close()

    def _health(self) -> dict[str, Any]:
        return {"ready": self._problem is None, "message": self._problem, "worker_id": self.id}

    def _root(self) -> dict[str, Any]:
        return {"name": self._settings.app_name, "version": self._settings.app_version, "status": "running"}


def _close(connection: psycopg.Connection[Any] | None) -> None:
    if connection is not None:
        connection.close()
