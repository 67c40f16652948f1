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
from pipeline_checks.model.position import Position
from pipeline_checks.model.stage import PinnedStage, StageDeclaration, StageReader
from pipeline_checks.verification import keys
from pipeline_checks.verification.row_comparison import compare_sides, with_files
from pipeline_checks.verification.row_forms import Forms, forms_between
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
    try:
        watch = _Watch(declaration, reader, original, original_now, deadline, since_cut)
        deadline.wait_until(watch.look)
        if watch.found is None:
            problem = watch.problem or TransientError(f"{declaration.name} did not answer")
            return unreachable(declaration, problem, deadline.elapsed), None
        copy = watch.copy()
    except PipelineChecksError as problem:
        return unreachable(declaration, problem, deadline.elapsed), None
    return copy.settled, copy


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
        self._forms = forms_between(declaration, original.declaration)
        self._names = [c.name for c in self._forms.own.key]
        self._held = _side(original.declaration, original.readable(), self._forms.above)
        self._position: Position | None = None
        self._pinned: PinnedStage | None = None
        self._suspects = self._right = self._touched = self._held.hashes.select(self._names).clear()
        self.found: Side | None = None
        self.problem: PipelineChecksError | None = None

    @property
    def _waited(self) -> float:
        return self._since_cut + self._deadline.elapsed

    def look(self) -> bool:
        """Look once; whether everything is decided."""
        has_had_its_time = self._waited >= self._declaration.lag_limit
        try:
            position = self._reader.reached().position
            if position == self._position and not has_had_its_time:
                return False
            pinned = self._reader.at(position)
            found = _side(self._declaration, pinned, self._forms.own)
            self._decide(found)
        except TransientError as problem:
            self.problem = problem
            return False
        self._position, self._pinned, self.found = position, pinned, found
        return has_had_its_time or not self._suspects.height

    def _decide(self, found: Side) -> None:
        """Sort the keys that differ from the cut: right by now, touched since the cut, suspected."""
        differing = _apart(found.hashes, self._held.hashes, self._names)
        self._suspects = differing
        self._right = self._touched = differing.clear()
        if not differing.height:
            return
        newest = self._original_now.at(self._original_now.reached().position)
        now = _of(self._forms.above.hashed(newest.rows(self._forms.above.reads)), differing, self._names)
        changed = _apart(now, _of(self._held.hashes, differing, self._names), self._names)
        wrong = _apart(_of(found.hashes, differing, self._names), now, self._names)
        self._right = differing.join(wrong, on=self._names, how="anti", nulls_equal=True)
        self._touched = wrong.join(changed, on=self._names, how="semi", nulls_equal=True)
        self._suspects = wrong.join(changed, on=self._names, how="anti", nulls_equal=True)

    def copy(self) -> Copy:
        """Return the copy as it was last seen."""
        import polars as pl

        assert self.found is not None
        open_ = self._touched
        coverage = CoverageState(True, 0.0, self._held.hashes.height, self._deadline.elapsed)
        waited, limit = self._waited, self._declaration.lag_limit
        if self._suspects.height and waited < limit:
            open_ = pl.concat([open_, self._suspects])
            reason = (
                f"{self._suspects.height:,} keys are not yet as in {self._held.stage} {waited:.1f} s after the cut;"
                f" its lag_limit allows {limit:g} s"
            )
            coverage = replace(coverage, covers_cut=False, lag_seconds=waited, reason=reason)
        decided = pl.concat([self._right, open_])
        expected = pl.concat(
            [
                self._held.hashes.join(decided, on=self._names, how="anti", nulls_equal=True),
                _of(self.found.hashes, decided, self._names),
            ]
        )
        settled = Settled(self._declaration, self._pinned, coverage)
        return Copy(settled, self._forms, self.found, replace(self._held, hashes=expected), self._held, open_)


def _side(stage: StageDeclaration, pinned: PinnedStage, form: RowForm) -> Side:
    return Side(
        stage.name, form, form.hashed(pinned.rows(form.reads)), lambda: pinned.rows(form.reads), pinned.position
    )


def _of(rows: polars.DataFrame, some: polars.DataFrame, names: list[str]) -> polars.DataFrame:
    """The rows of some keys."""
    return rows.join(some, on=names, how="semi", nulls_equal=True)


def _apart(one: polars.DataFrame, other: polars.DataFrame, names: list[str]) -> polars.DataFrame:
    """The keys that only one side has, or that have other rows there, each once; how many equal rows is not asked."""
    import polars as pl

    by = [*names, HASH]
    sides = [(one, other), (other, one)]
    alone = [a.join(b, on=by, how="anti", nulls_equal=True).select(names) for a, b in sides]
    return pl.concat(alone).unique()
