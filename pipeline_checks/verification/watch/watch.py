"""One watch: looks where the stages of its kinds stand, and verifies what has moved or what the clock has come for.

What is small is verified at once. What is large, what a tick has not the time to wait for, and what no run has looked
at yet, is asked of whoever calls.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from pipeline_checks.clients.settings import stack_env_file
from pipeline_checks.model.clock import Deadline, now
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import RunResult
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.verification.copies import original_of
from pipeline_checks.verification.watch import judged
from pipeline_checks.verification.watch.cursor import Cursor, Place
from pipeline_checks.verification.watch.due import after_a_look, is_by_clock
from pipeline_checks.verification.watch.environment import has_environment
from pipeline_checks.verification.watch.graph import carried_by, next_behind
from pipeline_checks.verification.watch.kinds import WATCHES
from pipeline_checks.verification.watch.positions import AWAY, Position, Positions, is_away
from pipeline_checks.verification.watch.sizes import most_rows, rows_to_read

DEADLINE: Final = 4.0
"""Seconds that a tick waits for stages to settle; who needs longer gets a run."""
BUDGET: Final = 15.0
"""Seconds after which a tick begins with no further pipeline; what is left is found to have moved by the next."""
GRACE: Final = 2.0
"""Seconds that a stage is given beyond its ``lag_limit``, before the clock comes for it."""


@dataclass(frozen=True)
class Request:
    """A verification that is too much for a tick: ``stages`` of a pipeline, ``key`` telling where they stand."""

    pipeline: str
    stages: tuple[str, ...]
    key: str
    reason: str


@dataclass
class Tick:
    """What came of one look: verdicts, what is to be run, and what is remembered."""

    cursor: str
    results: list[RunResult] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    watched: int = 0


class Watch:
    """Looks again and again, over connections that are kept.

    Parameters
    ----------
    name:
        Which one of ``WATCHES``.
    pipelines:
        All pipelines; those whose environment is not set are left alone until it is.
    """

    def __init__(self, name: str, pipelines: Sequence[Pipeline]) -> None:
        self.name = name
        self._kinds = WATCHES[name]
        self._pipelines = [p for p in pipelines if any(s.kind in self._kinds for s in p.stages)]
        self._positions = Positions()
        self._ready: tuple[object, list[Pipeline]] = (None, [])

    def close(self) -> None:
        """Give back all connections."""
        self._positions.close()

    def look(self, text: str | None, is_busy: Callable[[str], bool] = lambda _: False) -> Tick:
        """Look once.

        Parameters
        ----------
        text:
            The cursor that the last look returned; None before the first, which only remembers where stages stand.
        is_busy:
            Tells of a pipeline whether a run that was requested has not ended; then no other is requested.
        """
        cursor = Cursor.parse(text)
        pipelines = self._with_environment()
        watched = [(p, s) for p in pipelines for s in p.stages if s.kind in self._kinds]
        found = self._positions.read([(p.name, s) for p, s in watched])
        cursor.forget_others({(p.name, s.name) for p in self._pipelines for s in p.stages})
        tick = Tick("", watched=len(watched))
        budget = Deadline(BUDGET)
        for pipeline in pipelines:
            if not budget.passed:
                _Round(pipeline, cursor, found, tick, is_busy).go()
        tick.cursor = cursor.text()
        return tick

    def _with_environment(self) -> list[Pipeline]:
        """The pipelines that can be asked; found anew when the stack that is running has changed."""
        try:
            stack: object = stack_env_file().stat().st_mtime_ns
        except OSError:
            stack = "none"
        if self._ready[0] != stack:
            self._ready = (stack, [p for p in self._pipelines if has_environment(p)])
        return self._ready[1]


class _Round:
    """One look at one pipeline."""

    def __init__(
        self,
        pipeline: Pipeline,
        cursor: Cursor,
        found: dict[Place, Position | None],
        tick: Tick,
        is_busy: Callable[[str], bool],
    ) -> None:
        self._pipeline = pipeline
        self._cursor = cursor
        self._found = {stage: position for (name, stage), position in found.items() if name == pipeline.name}
        self._tick = tick
        self._is_busy = is_busy
        self._now = now().timestamp()

    def go(self) -> None:
        """Verify what has moved, and what is due."""
        moved = self._moved()
        gone = [s for s in moved if is_away(self._found[s.name])]
        if gone:
            why = str((self._found[gone[0].name] or {}).get(AWAY))
            self._tick.results.append(judged.away(self._pipeline, gone, why))
            self._accept(gone)
        there = [s for s in moved if s not in gone]
        # The clock asks nothing of what does not answer.
        due = [s for s in self._due() if s not in there and not is_away(self._found.get(s.name))]
        if there:
            self._verify(self._with_carried(there), there, None, by_clock=False)
        # What says by itself how far it is shows whether it stalls; a mere copy shows only by its rows.
        copies = [s for s in due if original_of(self._pipeline, s) is not None]
        for stages, kinds in ((copies, None), ([s for s in due if s not in copies], judged.CLOCK_KINDS)):
            if stages:
                self._verify(stages, [], kinds, by_clock=True)

    def _moved(self) -> list[StageDeclaration]:
        moved = []
        for name, position in self._found.items():
            place, stage = (self._pipeline.name, name), self._pipeline.stage(name)
            if place not in self._cursor.positions:
                self._cursor.positions[place] = position
                if is_by_clock(stage):
                    self._cursor.owe(place, self._now)
            elif position is not None and (position != self._cursor.positions[place] or self._is_unsettled(place)):
                moved.append(stage)
        return moved

    def _is_unsettled(self, place: Place) -> bool:
        return self._cursor.unsettled.get(place, 0) > 0

    def _due(self) -> list[StageDeclaration]:
        name = self._pipeline.name
        return [s for s in self._pipeline.stages if self._cursor.owed.get((name, s.name), self._now + 1) <= self._now]

    def _with_carried(self, moved: list[StageDeclaration]) -> list[StageDeclaration]:
        still = {name for name, position in self._found.items() if position is None}
        wanted = {s.name for s in moved} | {c.name for s in moved for c in carried_by(self._pipeline, s, still)}
        return [s for s in self._pipeline.stages if s.name in wanted]

    def _verify(
        self,
        stages: list[StageDeclaration],
        moved: list[StageDeclaration],
        kinds: Collection[str] | None,
        *,
        by_clock: bool,
    ) -> None:
        rows = None if self._pipeline.engine is not None else rows_to_read(self._pipeline, stages)
        if rows is None or rows > most_rows():
            reason = "its size is not known yet" if rows is None else f"{rows:,} rows are to be read"
            everything = self._pipeline.stages if rows is None else stages
            if self._request(everything, reason):
                self._accept(moved)
                self._paid(stages)
            return
        result = judged.judge(self._pipeline, [s.name for s in stages], kinds, DEADLINE)
        unsettled = _unsettled(result)
        told = [s for s in stages if s.name not in unsettled]
        if told:
            self._tick.results.append(_of(result, {s.name for s in told}))
        self._accept([s for s in moved if s.name not in unsettled])
        self._paid(stages)
        for stage in told:
            at = after_a_look(stage, result, self._now)
            if at is not None:
                self._cursor.owe((self._pipeline.name, stage.name), at)
        self._wait_for([s for s in stages if s.name in unsettled], by_clock=by_clock)

    def _wait_for(self, stages: list[StageDeclaration], *, by_clock: bool) -> None:
        """Look at unsettled stages once more at the next tick; then a run waits for them as long as they may take."""
        again = []
        for stage in stages:
            place = (self._pipeline.name, stage.name)
            looks = self._cursor.unsettled.get(place, 0) + 1
            if looks == 1 and not by_clock and stage.name in self._found:
                self._cursor.unsettled[place] = looks
            else:
                again.append(stage)
        if again and self._request(again, "it has not settled"):
            self._accept(again)
        elif again:
            for stage in again:
                self._cursor.owe((self._pipeline.name, stage.name), self._now)

    def _request(self, stages: Iterable[StageDeclaration], reason: str) -> bool:
        """Ask for a run; whether that was possible."""
        names = tuple(s.name for s in stages)
        if self._is_busy(self._pipeline.name) or any(r.pipeline == self._pipeline.name for r in self._tick.requests):
            return False
        where = dict(sorted(self._found.items()))
        key = f"{self._pipeline.name}@{json.dumps(where, separators=(',', ':'))}"
        self._tick.requests.append(Request(self._pipeline.name, names, key, reason))
        return True

    def _accept(self, stages: Iterable[StageDeclaration]) -> None:
        """Take where stages stand as looked at; what is behind them has to follow."""
        for stage in stages:
            place = (self._pipeline.name, stage.name)
            self._cursor.unsettled.pop(place, None)
            if stage.name not in self._found:
                continue
            self._cursor.positions[place] = self._found[stage.name]
            if is_away(self._found[stage.name]):
                continue
            for behind in next_behind(self._pipeline, stage):
                limit = behind.lag_limit + GRACE
                self._cursor.owe((self._pipeline.name, behind.name), self._now + limit)

    def _paid(self, stages: Iterable[StageDeclaration]) -> None:
        for stage in stages:
            self._cursor.owed.pop((self._pipeline.name, stage.name), None)


def _unsettled(result: RunResult) -> set[str]:
    """The stages that a longer wait may settle; of others nothing more will be known."""
    waiting = {s.name for s in result.stages if s.covers_cut is False}
    return {c.stage for c in result.checks if c.stage in waiting and c.verdict is Verdict.UNSETTLED}


def _of(result: RunResult, stages: set[str]) -> RunResult:
    return replace(
        result,
        stages=tuple(s for s in result.stages if s.name in stages),
        checks=tuple(c for c in result.checks if c.stage in stages),
    )
