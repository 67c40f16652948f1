"""The sensor that tells people of finished runs, of alerts that pipelines' own services keep, and of what waits."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from pipeline_checks.alerts.channels.channel import Say
from pipeline_checks.alerts.sending import Sent, send_alerts
from pipeline_checks.model.clock import Deadline, now
from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.orchestration.finished_runs import FinishedRuns
from pipeline_checks.pipelines.parts import stored_alerts_of
from pipeline_checks.verification.ledger.alert_book import AlertBook
from pipeline_checks.verification.ledger.location import location

INTERVAL_SECONDS = 10
MOST_RUNS = 50
"""Runs that one tick reads; what is left is read by the next."""
TICK_SECONDS = 25.0
"""After which a tick begins nothing new: Dagster ends it after a minute."""
PATIENCE_SECONDS = 3.0
OVERLAP = timedelta(minutes=1)
"""A run may be written a little after one that ended later; those already told of are remembered for so long."""
STORED_EVERY = timedelta(minutes=1)
"""How often pipelines' own services are asked for alerts."""


@dataclass
class Cursor:
    """Up to where the sensor has read.

    Parameters
    ----------
    runs:
        When the newest run that was told of was written last.
    told:
        The runs of the last minute that were told of.
    since:
        When the sensor first looked; what is older is no news.
    stored:
        When pipelines' services were asked last.
    """

    runs: datetime
    told: dict[str, datetime]
    since: datetime
    stored: datetime | None = None

    @classmethod
    def read(cls, text: str | None) -> "Cursor":
        """Return the cursor that a text holds; one that begins now when it holds none."""
        try:
            known = json.loads(text or "")
            told = {run: datetime.fromisoformat(at) for run, at in known["told"].items()}
            stored = known["stored"] and datetime.fromisoformat(known["stored"])
            return cls(datetime.fromisoformat(known["runs"]), told, datetime.fromisoformat(known["since"]), stored)
        except (ValueError, KeyError, TypeError, AttributeError):
            return cls(now(), {}, now())

    def text(self) -> str:
        """Return the cursor as text."""
        told = {run: at.isoformat() for run, at in self.told.items() if at >= self.runs - OVERLAP}
        stored = self.stored and self.stored.isoformat()
        return json.dumps(
            {"runs": self.runs.isoformat(), "told": told, "since": self.since.isoformat(), "stored": stored}
        )


def alert_sensor(pipelines: Sequence[Pipeline]) -> dg.SensorDefinition:
    """Return the sensor ``alerts`` over all runs of the pipelines, which runs by itself.

    Merge it into the definitions of a code location that has pipelines of its own.
    """
    runs = FinishedRuns(pipelines)

    @dg.sensor(
        name="alerts",
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells the channels of each pipeline what its runs found wrong, once, and what recovered.",
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        deadline, cursor = Deadline(TICK_SECONDS), Cursor.read(context.cursor)
        said: list[Sent] = []
        for record in _finished(context.instance, cursor):
            if deadline.passed:
                break
            found = runs.read(context.instance, record).outcomes
            said += [
                send_alerts(p, found[p.name], context.log.warning, patience=PATIENCE_SECONDS)
                for p in pipelines
                if p.name in found
            ]
            cursor.told[record.dagster_run.run_id] = record.update_timestamp
            cursor.runs = max(cursor.runs, record.update_timestamp)
        if not deadline.passed:
            said += _stored(pipelines, cursor, context.log.warning)
        said += _waiting(pipelines, context.log.warning, deadline)
        context.update_cursor(cursor.text())
        items, problems = sum(s.items for s in said), sum(len(s.problems) for s in said)
        return dg.SkipReason(f"{items} things were told, {problems} problems" if items or problems else "no news")

    return alerts


def _finished(instance: dg.DagsterInstance, cursor: Cursor) -> list[dg.RunRecord]:
    """The runs that ended and were not told of yet, in the order in which they were written."""
    wanted = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE], updated_after=cursor.runs - OVERLAP
    )
    most = MOST_RUNS + len(cursor.told)
    records = instance.get_run_records(wanted, limit=most, order_by="update_timestamp", ascending=True)
    first = cursor.since
    return [r for r in records if r.dagster_run.run_id not in cursor.told and r.update_timestamp >= first]


def _stored(pipelines: Sequence[Pipeline], cursor: Cursor, say: Say) -> list[Sent]:
    """Tell of alerts that pipelines' own services keep."""
    if cursor.stored is not None and now() - cursor.stored < STORED_EVERY:
        return []
    cursor.stored = now()
    found = []
    for pipeline in pipelines:
        try:
            events: Sequence[Any] = stored_alerts_of(pipeline, cursor.since)
        except PipelineChecksError as problem:
            say(f"{pipeline.name}: its stored alerts could not be read: {problem}")
            continue
        if events:
            found.append(send_alerts(pipeline, (), say, events=events, patience=PATIENCE_SECONDS))
    return found


def _waiting(pipelines: Sequence[Pipeline], say: Say, deadline: Deadline) -> list[Sent]:
    """Send what channels did not take before and is due now."""
    try:
        place = location()
        if place.file is not None and not place.file.exists():
            return []
        book = AlertBook(place)
        try:
            due = book.due([p.name for p in pipelines], now())
        finally:
            book.close()
    except PipelineChecksError as problem:
        say(f"what waits could not be read: {problem}")
        return []
    return [
        send_alerts(p, (), say, patience=PATIENCE_SECONDS) for p in pipelines if p.name in due and not deadline.passed
    ]
