"""What people are told, as the ledger keeps it: open alerts, notices on their way to channels, mutes."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from pipeline_checks.verification.ledger.alert_tables import ALERTS, MUTES, NOTICES
from pipeline_checks.verification.ledger.database import Database
from pipeline_checks.verification.ledger.location import Location
from pipeline_checks.verification.ledger.retention import keep

BEHIND: Final = "waits behind messages that were not taken"
_ONE_WRITER: Final = 7_165_326_012
"""Number of the advisory lock under which a Postgres ledger decides what is told: two that judge the same verdict."""


@dataclass(frozen=True)
class Alert:
    """A check that is wrong, from the first verdict that is told to the recovery that is told.

    Parameters
    ----------
    seen_at:
        When the newest run began that judged it; what is older says nothing more.
    told:
        What people were told already: verdicts with the kinds of their findings.
    told_at:
        When they were told last, None when a mute kept it from them.
    recovered_at:
        When it was first seen to pass again.
    closed_at:
        When nothing is left to tell of it.
    """

    pipeline: str
    stage: str
    check: str
    verdict: str
    message: str
    findings_total: int
    run_id: str
    opened_at: datetime
    seen_at: datetime
    told: tuple[str, ...] = ()
    told_at: datetime | None = None
    recovered_at: datetime | None = None
    closed_at: datetime | None = None
    alert_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def place(self) -> tuple[str, str]:
        """Stage and kind of check."""
        return self.stage, self.check


@dataclass(frozen=True)
class Waiting:
    """A notice that a channel has not taken yet."""

    notice_id: str
    channel: str
    pipeline: str
    made_at: datetime
    document: Mapping[str, Any]
    attempts: int
    next_at: datetime
    problem: str | None


@dataclass(frozen=True)
class KeptMute:
    """A mute that was set by a command; ``*`` stands for anything."""

    pipeline: str
    stage: str
    check: str
    since: datetime
    until: datetime
    reason: str = ""
    mute_id: str = field(default_factory=lambda: uuid.uuid4().hex)


class AlertBook:
    """The alerts of one ledger; raises as ``Ledger`` does.

    Parameters
    ----------
    place:
        Where the ledger lies; it is begun when it is not there, unless ``create`` says otherwise.
    """

    def __init__(self, place: Location, *, create: bool = True) -> None:
        self._database = Database(place, create=create)

    def close(self) -> None:
        """Give back all connections."""
        self._database.close()

    @contextmanager
    def deciding(self) -> Iterator[Page]:
        """Give a page on which one process at a time reads what is known and writes what it makes of it."""
        with self._database.writing() as connection:
            if self._database.dialect == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ONE_WRITER)))
            yield Page(connection)

    def open_alerts(self, pipeline: str | None = None) -> list[Alert]:
        """Return what is wrong now, oldest first."""
        with self._database.reading() as connection:
            found = _open(connection, pipeline)
        return [a for a in found if a.recovered_at is None]

    def waiting(self, pipeline: str | None = None) -> list[Waiting]:
        """Return the notices that channels have not taken yet, oldest first."""
        of_it = [] if pipeline is None else [NOTICES.c.pipeline == pipeline]
        with self._database.reading() as connection:
            return _notices(connection, NOTICES.c.delivered_at.is_(None), *of_it)

    def due(self, pipelines: Sequence[str], at: datetime) -> set[str]:
        """Return which of the pipelines have a notice to be sent now; costs one look-up in an index."""
        with self._database.reading() as connection:
            return set(connection.scalars(sa.select(NOTICES.c.pipeline).where(*_due(pipelines, at)).distinct()))

    def claim(self, pipelines: Sequence[str], at: datetime, held: timedelta, most: int = 50) -> list[Waiting]:
        """Take the notices that are due, for as long as ``held``: nobody else sends them meanwhile."""
        with self.deciding() as page:
            found = _notices(page.connection, *_due(pipelines, at))[:most]
            for one in found:
                page.update_notice(one, next_at=at + held, problem=None)
        return found

    def delivered(self, notice: Waiting, at: datetime) -> None:
        """Note that a channel took a notice."""
        with self._database.writing() as connection:
            Page(connection).update_notice(notice, delivered_at=at, attempts=notice.attempts + 1, problem=None)

    def refused(self, notice: Waiting, problem: str, next_at: datetime) -> None:
        """Note that a channel did not take a notice, and when it is sent again."""
        with self._database.writing() as connection:
            Page(connection).update_notice(notice, next_at=next_at, attempts=notice.attempts + 1, problem=problem)

    def mutes(self, at: datetime) -> list[KeptMute]:
        """Return the mutes that hold at an instant."""
        with self._database.reading() as connection:
            return Page(connection).mutes(at)

    def mute(self, mute: KeptMute) -> None:
        """Add a mute."""
        with self._database.writing() as connection:
            connection.execute(sa.insert(MUTES), _row(mute, "mute_id"))

    def unmute(self, mute_ids: Iterable[str], at: datetime) -> None:
        """End mutes."""
        with self._database.writing() as connection:
            connection.execute(sa.update(MUTES).where(MUTES.c.mute_id.in_(list(mute_ids))).values(until=at))


class Page:
    """One transaction over the book."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection

    def alerts(self, pipeline: str) -> dict[tuple[str, str], Alert]:
        """Return the alerts of a pipeline that are not closed, by stage and kind of check."""
        return {alert.place: alert for alert in _open(self.connection, pipeline)}

    def mutes(self, at: datetime) -> list[KeptMute]:
        """Return the mutes that hold at an instant."""
        held = sa.select(MUTES).where(MUTES.c.since <= at, MUTES.c.until > at).order_by(MUTES.c.until)
        return [
            KeptMute(r.pipeline, r.stage, r.check_kind, r.since, r.until, r.reason, r.mute_id)
            for r in self.connection.execute(held)
        ]

    def save(self, alerts: Iterable[Alert], at: datetime) -> None:
        """Write alerts as they are now, and take out what is older than the ledger keeps."""
        for alert in alerts:
            row = _row(alert, "alert_id")
            changed = sa.update(ALERTS).where(ALERTS.c.alert_id == alert.alert_id).values(row)
            if not self.connection.execute(changed).rowcount:
                self.connection.execute(sa.insert(ALERTS), row)
        before = at - keep()
        self.connection.execute(sa.delete(ALERTS).where(ALERTS.c.closed_at < before))
        self.connection.execute(sa.delete(NOTICES).where(NOTICES.c.made_at < before))
        self.connection.execute(sa.delete(MUTES).where(MUTES.c.until < before))

    def add_notice(
        self, pipeline: str, channels: Iterable[str], document: Mapping[str, Any], at: datetime, source: str | None
    ) -> bool:
        """Write a notice for each channel; False when one of that ``source`` was written before.

        It waits behind what its channel refused before, so that messages arrive in their order.
        """
        if source is not None:
            known = sa.select(NOTICES.c.notice_id).where(NOTICES.c.pipeline == pipeline, NOTICES.c.source == source)
            if self.connection.execute(known.limit(1)).first() is not None:
                return False
        refused = {n.channel: n.next_at for n in _notices(self.connection, *_refused(pipeline))}
        common = {"pipeline": pipeline, "source": source, "made_at": at, "attempts": 0, "document": document}
        rows = [
            {
                **common,
                "notice_id": document["notice_id"],
                "channel": channel,
                "next_at": max(at, refused.get(channel, at)),
                "problem": BEHIND if channel in refused else None,
            }
            for channel in channels
        ]
        if rows:
            self.connection.execute(sa.insert(NOTICES), rows)
        return True

    def make_due(self, pipeline: str, channels: Sequence[str], at: datetime) -> None:
        """Have what channels refused, and what waits behind it, sent now."""
        same = NOTICES.c.channel.in_(list(channels))
        self.connection.execute(sa.update(NOTICES).where(*_refused(pipeline), same).values(next_at=at))

    def update_notice(self, notice: Waiting, **values: Any) -> None:
        """Change the row of a notice."""
        same = (NOTICES.c.notice_id == notice.notice_id, NOTICES.c.channel == notice.channel)
        self.connection.execute(sa.update(NOTICES).where(*same).values(**values))


def _open(connection: sa.Connection, pipeline: str | None) -> list[Alert]:
    wanted: list[sa.ColumnElement[bool]] = [ALERTS.c.closed_at.is_(None)]
    if pipeline is not None:
        wanted.append(ALERTS.c.pipeline == pipeline)
    found = connection.execute(sa.select(ALERTS).where(*wanted).order_by(ALERTS.c.opened_at, ALERTS.c.stage))
    return [_alert(dict(row)) for row in found.mappings()]


def _alert(row: Mapping[str, Any]) -> Alert:
    known = {name: value for name, value in row.items() if name not in ("check_kind", "told")}
    return Alert(**known, check=row["check_kind"], told=tuple(row["told"]))


def _row(kept: Alert | KeptMute, key: str) -> dict[str, Any]:
    row = {name: getattr(kept, name) for name in kept.__dataclass_fields__}
    row["check_kind"] = row.pop("check")
    return {key: row.pop(key), **row, **({"told": list(kept.told)} if isinstance(kept, Alert) else {})}


def _due(pipelines: Sequence[str], at: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return NOTICES.c.delivered_at.is_(None), NOTICES.c.next_at <= at, NOTICES.c.pipeline.in_(list(pipelines))


def _refused(pipeline: str) -> tuple[sa.ColumnElement[bool], ...]:
    return NOTICES.c.delivered_at.is_(None), NOTICES.c.problem.is_not(None), NOTICES.c.pipeline == pipeline


def _notices(connection: sa.Connection, *wanted: sa.ColumnElement[bool]) -> list[Waiting]:
    columns = [NOTICES.c[name] for name in Waiting.__dataclass_fields__]
    found = connection.execute(sa.select(*columns).where(*wanted).order_by(NOTICES.c.made_at, NOTICES.c.channel))
    return [Waiting(**row) for row in found.mappings()]
