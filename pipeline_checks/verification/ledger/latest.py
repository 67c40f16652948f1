"""What the ledger tells of now: the newest verdict of each check, where each stage stood, and how often what was said.

The whole ledger is read once; after that only runs that were not there before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from pipeline_checks.verification.ledger.database import Database
from pipeline_checks.verification.ledger.location import Location
from pipeline_checks.verification.ledger.tables import FACTS, FINDINGS, MEASURES, RUNS, STAGES, VERDICTS

LATE: Final = timedelta(hours=6)
"""A run is written when it ends, under the time at which it began: one that took longer is not seen."""
_RUNS_A_STATEMENT: Final = 500

Place = tuple[str, str, str]
"""Pipeline, stage, and kind of check."""


@dataclass(frozen=True)
class CheckNow:
    """The newest verdict of a check."""

    verdict: str
    findings_total: int
    seconds: float
    at: datetime


@dataclass(frozen=True)
class StageNow:
    """Where a stage stood when it was last looked at."""

    kind: str
    position: Mapping[str, Any] | None
    covers_cut: bool | None
    rows: int | None
    rows_grade: str | None
    lag_seconds: float | None
    problem: str
    at: datetime


@dataclass(frozen=True)
class RunNow:
    """The newest run of a pipeline."""

    verdict: str
    seconds: float
    at: datetime


@dataclass
class Latest:
    """What is known now.

    Parameters
    ----------
    measures:
        The numbers of the newest verdict of each check, by pipeline, stage, check and name.
    connectors:
        Pipeline and name of a connector to the state that it told of itself.
    said:
        How often a pipeline's check of a kind came to a verdict.
    found:
        How many findings of a kind a pipeline's check of a kind listed.
    changed:
        How many rows of a pipeline's stage held other values than they should.
    ran:
        How many runs of a pipeline came to a verdict.
    """

    checks: dict[Place, CheckNow] = field(default_factory=dict)
    stages: dict[tuple[str, str], StageNow] = field(default_factory=dict)
    runs: dict[str, RunNow] = field(default_factory=dict)
    measures: dict[tuple[str, str, str, str], float] = field(default_factory=dict)
    connectors: dict[tuple[str, str], str] = field(default_factory=dict)
    said: Counter[tuple[str, ...]] = field(default_factory=Counter)
    found: Counter[tuple[str, ...]] = field(default_factory=Counter)
    changed: Counter[tuple[str, ...]] = field(default_factory=Counter)
    ran: Counter[tuple[str, ...]] = field(default_factory=Counter)


class LatestReader:
    """Keeps what is known now up to date; raises as ``Ledger`` does. A ledger that is not there is an error."""

    def __init__(self, place: Location) -> None:
        self._database = Database(place, create=False)
        self.latest = Latest()
        self._seen: dict[str, datetime] = {}
        self._is_read = False

    def close(self) -> None:
        """Give back all connections."""
        self._database.close()

    def refresh(self) -> Latest:
        """Read what was written since, and return what is known now."""
        with self._database.reading() as connection:
            runs = self._new_runs(connection)
            if self._is_read:
                for some in _portions(list(runs)):
                    self._add(connection, some)
            else:
                self._add(connection, None)
        self._seen.update(runs)
        newest = max(self._seen.values(), default=None)
        if newest is not None:
            self._seen = {run: at for run, at in self._seen.items() if at >= newest - LATE}
        self._is_read = True
        return self.latest

    def _new_runs(self, connection: sa.Connection) -> dict[str, datetime]:
        wanted = sa.select(RUNS.c.run_id, RUNS.c.at).order_by(RUNS.c.at)
        if self._seen:
            wanted = wanted.where(RUNS.c.at >= max(self._seen.values()) - LATE)
        return {r.run_id: r.at for r in connection.execute(wanted) if r.run_id not in self._seen}

    def _add(self, connection: sa.Connection, runs: Sequence[str] | None) -> None:
        """Add what some runs found, of all runs when None."""
        newer = self._add_checks(connection, runs)
        self._add_stages(connection, runs)
        self._add_runs(connection, runs)
        self._add_measures(connection, newer)
        self._add_connectors(connection)
        self._count(connection, runs)

    def _add_checks(self, connection: sa.Connection, runs: Sequence[str] | None) -> dict[str, set[Place]]:
        """Return which checks each run has the newest verdict of."""
        newer: dict[str, set[Place]] = {}
        columns = (VERDICTS.c.verdict, VERDICTS.c.findings_total, VERDICTS.c.seconds, VERDICTS.c.run_id)
        for row in connection.execute(_newest(VERDICTS, columns, (VERDICTS.c.stage, VERDICTS.c.check_kind), runs)):
            place = (row.pipeline, row.stage, row.check_kind)
            known = self.latest.checks.get(place)
            if known is None or row.at >= known.at:
                self.latest.checks[place] = CheckNow(row.verdict, row.findings_total, row.seconds, row.at)
                newer.setdefault(row.run_id, set()).add(place)
        return newer

    def _add_stages(self, connection: sa.Connection, runs: Sequence[str] | None) -> None:
        names = [n for n in StageNow.__dataclass_fields__ if n != "at"]
        columns = tuple(STAGES.c[n] for n in names)
        for row in connection.execute(_newest(STAGES, columns, (STAGES.c.stage,), runs)):
            place = (row.pipeline, row.stage)
            known = self.latest.stages.get(place)
            if known is None or row.at >= known.at:
                self.latest.stages[place] = StageNow(**{n: getattr(row, n) for n in names}, at=row.at)

    def _add_runs(self, connection: sa.Connection, runs: Sequence[str] | None) -> None:
        for row in connection.execute(_newest(RUNS, (RUNS.c.verdict, RUNS.c.seconds), (), runs)):
            known = self.latest.runs.get(row.pipeline)
            if known is None or row.at >= known.at:
                self.latest.runs[row.pipeline] = RunNow(row.verdict, row.seconds, row.at)

    def _add_measures(self, connection: sa.Connection, newer: Mapping[str, set[Place]]) -> None:
        places = set().union(*newer.values()) if newer else set()
        for known in [m for m in self.latest.measures if m[:3] in places]:
            del self.latest.measures[known]  # a number that the newest verdict has none of is not known now
        of_runs = sa.select(MEASURES, RUNS.c.pipeline).join(RUNS, RUNS.c.run_id == MEASURES.c.run_id)
        for some in _portions(list(newer)):
            for row in connection.execute(of_runs.where(MEASURES.c.run_id.in_(some))):
                place = (row.pipeline, row.stage, row.check_kind)
                if place in newer[row.run_id]:
                    self.latest.measures[*place, row.measure] = row.value

    def _add_connectors(self, connection: sa.Connection) -> None:
        newest = sa.func.row_number().over(partition_by=(FACTS.c.pipeline, FACTS.c.stage), order_by=FACTS.c.at.desc())
        told = sa.select(FACTS.c.pipeline, FACTS.c.stage, FACTS.c.value, newest.label("age"))
        inner = told.where(FACTS.c.topic == "connector").subquery()
        for row in connection.execute(sa.select(inner).where(inner.c.age == 1)):
            if isinstance(row.value, dict):
                name = str(row.value.get("name") or row.stage)
                self.latest.connectors[row.pipeline, name] = str(row.value.get("state", ""))

    def _count(self, connection: sa.Connection, runs: Sequence[str] | None) -> None:
        one = sa.func.count()
        for row in connection.execute(_counted(VERDICTS, (VERDICTS.c.check_kind, VERDICTS.c.verdict), one, runs)):
            self.latest.said[row.pipeline, row.check_kind, row.verdict] += row.number
        for row in connection.execute(_counted(FINDINGS, (FINDINGS.c.check_kind, FINDINGS.c.kind), one, runs)):
            self.latest.found[row.pipeline, row.check_kind, row.kind] += row.number
        for row in connection.execute(_counted(RUNS, (RUNS.c.verdict,), one, runs)):
            self.latest.ran[row.pipeline, row.verdict] += row.number
        changed = _counted(MEASURES, (MEASURES.c.stage,), sa.func.sum(MEASURES.c.value), runs)
        of_it = (MEASURES.c.check_kind == "reconcile", MEASURES.c.measure == "changed")
        for row in connection.execute(changed.where(*of_it)):
            self.latest.changed[row.pipeline, row.stage] += int(row.number)


def _portions(runs: Sequence[str]) -> Iterator[Sequence[str]]:
    for begin in range(0, len(runs), _RUNS_A_STATEMENT):
        yield runs[begin : begin + _RUNS_A_STATEMENT]


def _newest(
    table: sa.Table, columns: Sequence[sa.Column[Any]], by: Sequence[sa.Column[Any]], runs: Sequence[str] | None
) -> sa.Select[Any]:
    """The newest row of each thing, with its pipeline and the time of its run."""
    age = sa.func.row_number().over(partition_by=(RUNS.c.pipeline, *by), order_by=RUNS.c.at.desc())
    numbered = sa.select(*columns, *by, RUNS.c.pipeline, RUNS.c.at, age.label("age"))
    inner = _of_runs(numbered, table, runs).subquery()
    return sa.select(inner).where(inner.c.age == 1)


def _counted(
    table: sa.Table, by: Sequence[sa.Column[Any]], number: sa.ColumnElement[Any], runs: Sequence[str] | None
) -> sa.Select[Any]:
    grouped = sa.select(RUNS.c.pipeline, *by, number.label("number")).group_by(RUNS.c.pipeline, *by)
    return _of_runs(grouped, table, runs)


def _of_runs(wanted: sa.Select[Any], table: sa.Table, runs: Sequence[str] | None) -> sa.Select[Any]:
    if table is not RUNS:
        wanted = wanted.select_from(table.join(RUNS, RUNS.c.run_id == table.c.run_id))
    return wanted if runs is None else wanted.where(RUNS.c.run_id.in_(runs))
