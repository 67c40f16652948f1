"""What is taken out of Dagster's event log as it grows old: the log never prunes itself."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster._core.instance import RUNLESS_RUN_ID
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable as CheckExecutions
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as EventLogs
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

from pipeline_checks.model.clock import Deadline

AT_ONCE = 200
"""Runs or events taken out by one transaction, so that no writer waits long."""
ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


@dataclass(frozen=True)
class Pruned:
    """What went: runs with all of their events, and events of no run, which sensors report."""

    runs: int
    events: int


def prune(
    instance: dg.DagsterInstance, before: datetime, checks: Collection[dg.AssetCheckKey], deadline: Deadline
) -> Pruned:
    """Take out runs that ended, and events of no run, from before an instant; what time does not suffice for stays.

    The newest verdict of each of ``checks`` and the newest materialization of each asset stay, however old they are,
    together with their runs.
    """
    newest = _newest_runs(instance, checks)
    runs = 0
    for run_id in _old_runs(instance, before, newest):
        instance.delete_run(run_id)
        runs += 1
        if deadline.passed:
            return Pruned(runs, 0)
    return Pruned(runs, _prune_runless(instance.event_log_storage, before, deadline))


def _old_runs(instance: dg.DagsterInstance, before: datetime, kept: Collection[str]) -> Iterator[str]:
    cursor = None
    while True:
        wanted = dg.RunsFilter(statuses=ENDED, created_before=before)
        found = instance.get_run_records(wanted, limit=AT_ONCE, cursor=cursor)
        if not found:
            return
        cursor = found[-1].dagster_run.run_id
        # The cursor's own run has to be there when it is used, so it goes with those of the next page.
        yield from [r.dagster_run.run_id for r in found[:-1] if r.dagster_run.run_id not in kept]
        if len(found) < AT_ONCE:
            if cursor not in kept:
                yield cursor
            return


def _newest_runs(instance: dg.DagsterInstance, checks: Collection[dg.AssetCheckKey]) -> set[str]:
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(checks))
    kept = {record.run_id for record in latest.values()}
    for key in instance.all_asset_keys():
        event = instance.get_latest_materialization_event(key)
        if event is not None:
            kept.add(event.run_id)
    return kept


def _prune_runless(storage: Any, before: datetime, deadline: Deadline) -> int:
    """Take out observations and verdicts that sensors reported; of each asset and check the newest stays."""
    if not isinstance(storage, SqlEventLogStorage):
        return 0  # such as that of a test, in memory
    instant = before.replace(tzinfo=None)
    newest_checks = sa.select(sa.func.max(CheckExecutions.c.id)).group_by(
        CheckExecutions.c.asset_key, CheckExecutions.c.check_name, CheckExecutions.c.partition
    )
    old_checks = sa.select(CheckExecutions.c.id).where(
        CheckExecutions.c.run_id == RUNLESS_RUN_ID,
        CheckExecutions.c.evaluation_event_timestamp < instant,
        CheckExecutions.c.id.not_in(newest_checks),
    )
    newest_events = (
        sa.select(sa.func.max(EventLogs.c.id))
        .where(EventLogs.c.run_id == RUNLESS_RUN_ID, EventLogs.c.asset_key.is_not(None))
        .group_by(EventLogs.c.asset_key, EventLogs.c.partition, EventLogs.c.dagster_event_type)
    )
    newest_evaluations = sa.select(CheckExecutions.c.evaluation_event_storage_id).where(
        CheckExecutions.c.id.in_(newest_checks), CheckExecutions.c.evaluation_event_storage_id.is_not(None)
    )
    old_events = sa.select(EventLogs.c.id).where(
        EventLogs.c.run_id == RUNLESS_RUN_ID,
        EventLogs.c.timestamp < instant,
        EventLogs.c.id.not_in(newest_events),
        EventLogs.c.id.not_in(newest_evaluations),
    )
    gone = 0
    for table, old in ((CheckExecutions, old_checks), (EventLogs, old_events)):
        while not deadline.passed:
            with storage.index_connection() as connection:
                found = [row[0] for row in connection.execute(old.limit(AT_ONCE))]
                connection.execute(sa.delete(table).where(table.c.id.in_(found)))
            gone += len(found) if table is EventLogs else 0
            if len(found) < AT_ONCE:
                break
    return gone
