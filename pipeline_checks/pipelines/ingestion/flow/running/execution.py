"""One run, from the listing to its end, by the worker that claimed it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.pipelines.ingestion.flow.cost import ASSUMED_DBUS, BYTES_PER_GB, Prices, Volume, monthly_cost
from pipeline_checks.pipelines.ingestion.flow.credentials import Vault
from pipeline_checks.pipelines.ingestion.flow.engine.engine import Engine
from pipeline_checks.pipelines.ingestion.flow.engine.errors import EngineError
from pipeline_checks.pipelines.ingestion.flow.engine.listing import list_files
from pipeline_checks.pipelines.ingestion.flow.engine.model import FileVersion, Job, LoadResult, RunPlan
from pipeline_checks.pipelines.ingestion.flow.engines import Engines
from pipeline_checks.pipelines.ingestion.flow.jobs import job_of
from pipeline_checks.pipelines.ingestion.flow.metadata.database import Database
from pipeline_checks.pipelines.ingestion.flow.metadata.tables import Ingestion, Run
from pipeline_checks.pipelines.ingestion.flow.running import records, schema_versions
from pipeline_checks.pipelines.ingestion.flow.running.closing import CHANGED, close_run, error_entry, tally
from pipeline_checks.pipelines.ingestion.flow.running.discovery import Decision, Known, Task, decide, since
from pipeline_checks.pipelines.ingestion.flow.running.leases import hold
from pipeline_checks.pipelines.ingestion.flow.settings import Settings

_log = logging.getLogger(__name__)
Work = list[tuple[str, Task]]
"""Records with what is to be done for each."""


class Stopping(Exception):
    """The worker was told to stop between two files."""


@dataclass(frozen=True)
class Claimed:
    """A run that this worker holds, with what it needs to know of the ingestion.

    ``only`` are the files to try again; None takes all that is not loaded.
    """

    run_id: str
    worker_id: str
    ingestion: Ingestion
    job: Job
    only: frozenset[str] | None


class Execution:
    """Carries out runs.

    Parameters
    ----------
    may_go_on:
        Asked before each file; raises LeaseLost when the run is another's, Stopping when the worker is to stop.
    """

    def __init__(
        self, database: Database, engines: Engines, vault: Vault, settings: Settings, may_go_on: Callable[[], None]
    ) -> None:
        self._database = database
        self._engines = engines
        self._vault = vault
        self._settings = settings
        self._may_go_on = may_go_on

    def carry_out(self, run_id: str, worker_id: str) -> None:
        """Carry out a claimed run and close it.

        Raises LeaseLost and Stopping, and TransientError when the metadata are away: then the run stays as it is, for
        the lease to expire.
        """
        problem: tuple[str, str] | None = None
        try:
            claimed = self._claimed(run_id, worker_id)
            self._load_all(claimed)
        except EngineError as error:
            problem = (error.error_type, str(error))
        except ConfigurationError as error:
            problem = ("CONFIGURATION_ERROR", str(error))
        self._close(run_id, worker_id, problem)

    def give_up(self, run_id: str, worker_id: str, error: Exception) -> None:
        """Close a run that ended by a fault of this program."""
        self._close(run_id, worker_id, ("INTERNAL_ERROR", f"{type(error).__name__}; the worker's log tells more"))

    def _claimed(self, run_id: str, worker_id: str) -> Claimed:
        with self._database.session() as session:
            run = hold(session, run_id, worker_id)
            ingestion = session.get_one(Ingestion, run.ingestion_id)
            only = None
            if run.retry_of is not None:
                original = session.get_one(Run, run.retry_of)
                # What a run never came to, because of an error of its own, is tried as well.
                of_the_run = any(not e["file"] for e in original.errors or ())
                only = None if of_the_run else frozenset(records.failed_ids(session, original.id))
        return Claimed(run_id, worker_id, ingestion, job_of(ingestion, run_id, self._vault, self._settings), only)

    def _load_all(self, claimed: Claimed) -> None:
        start = claimed.ingestion.backfill_start_date if claimed.ingestion.backfill_enabled else None
        listed = since(list_files(claimed.job.source), start)
        work = self._register(claimed, listed)
        if not work:
            return
        with self._engines.of(claimed.ingestion.cluster_id) as engine:
            try:
                plan = self._planned(claimed, engine, [task.file for _, task in work])
                self._load_each(claimed, engine, plan, work)
            except EngineError as error:
                self._fail_rest(claimed, work, error)
                raise

    def _register(self, claimed: Claimed, listed: list[FileVersion]) -> Work:
        """Write down what was found and return what is to be loaded, in the order of the listing."""
        with self._database.session() as session:
            run = hold(session, claimed.run_id, claimed.worker_id)
            decision = self._decided(claimed, listed, records.known_files(session, run.ingestion_id))
            run.files_discovered, run.files_skipped = len(listed), decision.skipped
            session.get_one(Ingestion, run.ingestion_id).estimated_monthly_cost = self._monthly(claimed, listed)
            records.seen_again(session, decision.moved)
            for file_id, task in records.discovered(session, run.ingestion_id, run.id, decision.report):
                records.processing(session, run.id, file_id, task)
                records.failed(session, run.id, file_id, CHANGED, _told_of_change(task))
            return records.discovered(session, run.ingestion_id, run.id, decision.load)

    def _monthly(self, claimed: Claimed, listed: list[FileVersion]) -> float:
        """Return what the ingestion costs a month by what was found, in USD."""
        settings, row = self._settings, claimed.ingestion
        cluster = settings.clusters.get(row.cluster_id)
        dbus = cluster.dbus if cluster is not None else ASSUMED_DBUS
        rate = cluster.rate if cluster is not None and cluster.rate is not None else settings.cost_per_dbu_hour
        prices = Prices(rate, settings.storage_cost_per_gb, settings.list_operation_cost_per_1000)
        volume = Volume(len(listed), sum(f.size for f in listed) / BYTES_PER_GB, dbus, measured=True)
        return monthly_cost(volume, row.format_type, row.schedule_frequency, prices).total_monthly

    def _decided(self, claimed: Claimed, listed: list[FileVersion], known: list[Known]) -> Decision:
        return decide(listed, known, on_change=claimed.ingestion.on_change, run_id=claimed.run_id, only=claimed.only)

    def _planned(self, claimed: Claimed, engine: Engine, files: list[FileVersion]) -> RunPlan:
        """Look into all files and bring the table's columns to what they need, with a record of each change."""
        self._may_go_on()
        plan = engine.plan(claimed.job, files)
        with self._database.session() as session:
            hold(session, claimed.run_id, claimed.worker_id)
            ingestion = session.get_one(Ingestion, claimed.ingestion.id)
            schema_versions.settle_intent(session, ingestion, plan)
            if plan.table is not None:
                schema_versions.observed(session, ingestion, plan.table.columns, [f.path for f in files])
            schema_versions.intend(session, ingestion, plan)
        if plan.changes:
            engine.evolve(plan)
            with self._database.session() as session:
                hold(session, claimed.run_id, claimed.worker_id)
                schema_versions.changed(session, session.get_one(Ingestion, claimed.ingestion.id))
        return plan

    def _load_each(self, claimed: Claimed, engine: Engine, plan: RunPlan, work: Work) -> None:
        recorded = plan.table is not None
        for file_id, task in work:
            self._may_go_on()
            with self._database.session() as session:
                hold(session, claimed.run_id, claimed.worker_id)
                records.processing(session, claimed.run_id, file_id, task)
            try:
                result = _load(engine, plan, task)
            except EngineError as error:
                if error.stops_the_run:
                    raise
                self._failed(claimed, file_id, error)
                continue
            with self._database.session() as session:
                run = hold(session, claimed.run_id, claimed.worker_id)
                records.loaded(session, claimed.run_id, file_id, task, result)
                tally(session, run)
                if not recorded and result.table_uuid is not None:  # the load that made the table
                    ingestion = session.get_one(Ingestion, claimed.ingestion.id)
                    schema_versions.observed(session, ingestion, plan.columns, [f.path for f in plan.files])
                    recorded = True

    def _failed(self, claimed: Claimed, file_id: str, error: EngineError) -> None:
        with self._database.session() as session:
            run = hold(session, claimed.run_id, claimed.worker_id)
            records.failed(session, claimed.run_id, file_id, error.error_type, str(error))
            tally(session, run)

    def _fail_rest(self, claimed: Claimed, work: Work, error: EngineError) -> None:
        """Write down of every file that the run did not come to why it did not."""
        with self._database.session() as session:
            hold(session, claimed.run_id, claimed.worker_id)
            ended = records.ended_in(session, claimed.run_id)
            begun = records.begun_in(session, claimed.run_id)
            for file_id, task in work:
                if file_id in ended:
                    continue
                if file_id not in begun:
                    records.processing(session, claimed.run_id, file_id, task)
                records.failed(session, claimed.run_id, file_id, error.error_type, str(error))

    def _close(self, run_id: str, worker_id: str, problem: tuple[str, str] | None) -> None:
        with self._database.session() as session:
            run = hold(session, run_id, worker_id)
            at = records.database_time(session).isoformat()
            errors = [error_entry("", problem[0], problem[1], at)] if problem is not None else []
            close_run(session, run, errors)
            _log.info(
                "run %s of %s: %s, %d files, %d records, %d errors",
                *(run.id, run.ingestion_id, run.status, run.files_processed, run.records_ingested, run.error_count),
            )


def _load(engine: Engine, plan: RunPlan, task: Task) -> LoadResult:
    if task.old is not None:
        return engine.replace_file(plan, task.file, task.old.version)
    return engine.load_file(plan, task.file)


def _told_of_change(task: Task) -> str:
    old = task.old.version.etag if task.old is not None else ""
    return (
        f"{task.file.path} was changed after it had been loaded: version {task.file.etag} is not loaded, {old} is. "
        "Make the ingestion anew with source.on_change append or replace, or use /refresh/full."
    )
