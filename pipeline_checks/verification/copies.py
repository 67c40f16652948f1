"""A table set against the one it is copied from, where nothing says how much of it the copy has been given.

What differs may be on its way, so it is confirmed later: a row is wrong when the original has kept it since the cut and
the copy, given its ``lag_limit``, still shows something else. Of rows that the original has changed meanwhile nothing
is said, but that the copy is right when it shows the new ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipeline_checks.engines.row_hashes import HASH, RowForm
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import PipelineChecksError, TransientError
from pipeline_checks.model.kinds import LAKE_KINDS, SOURCE_KINDS, TOPIC_KINDS
from pipeline_checks.model.measure import CoverageState, KeyDifference, RowDifference
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.stage import PinnedStage, StageDeclaration, StageReader
from pipeline_checks.verification import keys
from pipeline_checks.verification.row_comparison import compare_sides, with_files
from pipeline_checks.verification.row_forms import Forms, forms_between, lacking
from pipeline_checks.verification.row_sides import Side
from pipeline_checks.verification.settled import Settled, unreachable

if TYPE_CHECKING:
    import polars

_TABLE_KINDS = SOURCE_KINDS | LAKE_KINDS


def original_of(pipeline: Pipeline, copy: StageDeclaration) -> StageDeclaration | None:
    """Return the table that a stage must equal row by row; None where it says by itself what it covers.

    That is the table it is made from, also by way of a topic that changes nothing.
    """
    if copy.kind not in _TABLE_KINDS or copy.row_meaning != "current" or not copy.contract.key:
        return None
    if getattr(copy, "covers", "none") not in (None, "none"):
        return None
    above = pipeline.upstream(copy)
    if len(above) == 1 and above[0].kind in TOPIC_KINDS and not above[0].columns:
        above = tuple(s for s in pipeline.ancestors(above[0]) if s.kind in _TABLE_KINDS)
    if len(above) != 1 or above[0].kind not in _TABLE_KINDS or above[0].row_meaning != "current":
        return None
    return above[0] if above[0].contract.key else None


@dataclass(frozen=True)
class Copy:
    """A copy at the version at which it is judged, and what it must hold there.

    ``touched`` are the keys that it shows otherwise than the original, which has changed them since the cut.
    """

    settled: Settled
    forms: Forms
    found: Side
    expected: Side
    held: Side
    touched: polars.DataFrame

    def keys(self) -> KeyDifference:
        """Return which keys are missing and which should not be there."""
        names = [c.name for c in self.forms.own.key]
        wanted = keys.ExpectedKeys(
            self.expected.hashes.select(names).unique(), self.touched.clear(), (self.expected.stage,)
        )
        difference = keys.compare(self.found.hashes.select(names), wanted, names)
        return replace(difference, touched_keys=self.touched.height)

    def rows(self) -> RowDifference:
        """Return which rows of both differ in a value."""
        difference = compare_sides(self.forms, self.found, self.expected, [self.held])
        touched = _of(self.found.hashes, self.touched, [c.name for c in self.forms.own.key]).height
        difference = replace(difference, rows=difference.rows - touched, touched_rows=touched)
        return with_files(difference, self.settled, self.forms)


def settle_copy(
    declaration: StageDeclaration,
    reader: StageReader,
    original: Settled,
    original_now: StageReader,
    deadline: Deadline,
    since_cut: float,
) -> tuple[Settled, Copy | None]:
    """Wait until the copy shows what the original shows, or has had the time that it may lag, and pin it there.

    ``since_cut`` are the seconds that have gone by since ``original`` was pinned.
    """
    watch = _Watch(declaration, reader, original, original_now, deadline, since_cut)
    try:
        deadline.wait_until(watch.look)
    except PipelineChecksError as problem:
        return unreachable(declaration, problem, deadline.elapsed), None
    if watch.last is None:
        silent = watch.problem or TransientError(f"{declaration.name} did not answer")
        return unreachable(declaration, silent, deadline.elapsed), None
    copy = watch.copy(watch.last)
    return copy.settled, copy


@dataclass(frozen=True)
class _Look:
    """A copy as it was seen once, and what is thought of the keys that differ from the original at the cut.

    ``right`` are as the original has them now, ``touched`` have been changed there since, ``suspects`` have not.
    """

    pinned: PinnedStage
    forms: Forms
    found: Side
    held: Side
    right: polars.DataFrame
    touched: polars.DataFrame
    suspects: polars.DataFrame


class _Watch:
    """Looks at a copy again and again, until what it shows is decided."""

    def __init__(
        self,
        declaration: StageDeclaration,
        reader: StageReader,
        original: Settled,
        original_now: StageReader,
        deadline: Deadline,
        since_cut: float,
    ) -> None:
        self._declaration, self._reader = declaration, reader
        self._original, self._original_now = original, original_now
        self._deadline, self._since_cut = deadline, since_cut
        self._held: dict[RowForm, Side] = {}
        self.last: _Look | None = None
        self.problem: PipelineChecksError | None = None

    @property
    def _waited(self) -> float:
        return self._since_cut + self._deadline.elapsed

    def look(self) -> bool:
        """Look once; whether everything is decided."""
        has_had_its_time = self._waited >= self._declaration.lag_limit
        try:
            position = self._reader.reached().position
            if self.last is not None and position == self.last.pinned.position and not has_had_its_time:
                return False
            self.last = self._seen(self._reader.at(position))
        except TransientError as problem:
            self.problem = problem
            return False
        return has_had_its_time or not self.last.suspects.height

    def _seen(self, pinned: PinnedStage) -> _Look:
        original, at_cut = self._original.declaration, self._original.readable()
        absent = lacking(self._declaration, pinned)
        forms = forms_between(self._declaration, original, absent=absent, absent_above=lacking(original, at_cut))
        names = [c.name for c in forms.own.key]
        if forms.above not in self._held:
            self._held[forms.above] = Side.of(original.name, at_cut, forms.above)
        held, found = self._held[forms.above], Side.of(self._declaration.name, pinned, forms.own)
        differing = _apart(found.hashes, held.hashes, names)
        right = touched = suspects = differing.clear()
        if differing.height:
            newest = self._original_now.at(self._original_now.reached().position)
            now = _of(forms.above.hashed(newest.rows(forms.above.reads)), differing, names)
            changed = _apart(now, _of(held.hashes, differing, names), names)
            wrong = _apart(_of(found.hashes, differing, names), now, names)
            right = _without(differing, wrong, names)
            touched, suspects = _of(wrong, changed, names), _without(wrong, changed, names)
        return _Look(pinned, forms, found, held, right, touched, suspects)

    def copy(self, look: _Look) -> Copy:
        """Return what a look has shown; suspects are wrong if the copy has had its time, else not decided."""
        import polars as pl

        names = [c.name for c in look.forms.own.key]
        open_ = look.touched
        coverage = CoverageState(True, 0.0, look.held.hashes.height, self._deadline.elapsed)
        waited, limit = self._waited, self._declaration.lag_limit
        if look.suspects.height and waited < limit:
            open_ = pl.concat([open_, look.suspects])
            reason = (
                f"{look.suspects.height:,} keys are not yet as in {look.held.stage} {waited:.1f} s after the cut;"
                f" its lag_limit allows {limit:g} s"
            )
            coverage = replace(coverage, covers_cut=False, lag_seconds=waited, reason=reason)
        decided = pl.concat([look.right, open_])
        hashes = pl.concat([_without(look.held.hashes, decided, names), _of(look.found.hashes, decided, names)])
        settled = Settled(self._declaration, look.pinned, coverage)
        return Copy(settled, look.forms, look.found, replace(look.held, hashes=hashes), look.held, open_)


def _of(rows: polars.DataFrame, some: polars.DataFrame, names: list[str]) -> polars.DataFrame:
    """The rows of some keys."""
    return rows.join(some, on=names, how="semi", nulls_equal=True)


def _without(rows: polars.DataFrame, some: polars.DataFrame, names: list[str]) -> polars.DataFrame:
    """The rows of all keys but some."""
    return rows.join(some, on=names, how="anti", nulls_equal=True)


def _apart(one: polars.DataFrame, other: polars.DataFrame, names: list[str]) -> polars.DataFrame:
    """The keys that only one side has, or that have other rows there, each once; how many equal rows is not asked."""
    import polars as pl

    by = [*names, HASH]
    sides = [(one, other), (other, one)]
    alone = [a.join(b, on=by, how="anti", nulls_equal=True).select(names) for a, b in sides]
    return pl.concat(alone).unique()
