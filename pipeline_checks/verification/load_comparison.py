"""A table of a warehouse against what it was loaded from, at the version that its newest load tells."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline_checks.model.kinds import LOADED_KINDS, WAREHOUSE_KINDS
from pipeline_checks.model.measure import KeyDifference, RowDifference
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.position import VersionPosition
from pipeline_checks.model.stage import PinnedStage, StageDeclaration
from pipeline_checks.verification import keys
from pipeline_checks.verification.pinning import Pinner
from pipeline_checks.verification.row_comparison import compare_sides
from pipeline_checks.verification.row_forms import Forms, forms_between, lacking
from pipeline_checks.verification.row_sides import Side
from pipeline_checks.verification.settled import Settled


def loaded_from(pipeline: Pipeline, stage: StageDeclaration) -> StageDeclaration | None:
    """Return the table or the files that a table of a warehouse is loaded from; None for all other stages."""
    if stage.kind not in LOADED_KINDS:
        return None
    return next((s for s in pipeline.upstream(stage) if s.holds_rows and s.kind not in WAREHOUSE_KINDS), None)


@dataclass(frozen=True)
class LoadComparison:
    """Both sides of the comparison, at the version that was loaded."""

    forms: Forms
    found: Side
    expected: Side

    @classmethod
    def of(cls, pinner: Pinner, settled: Settled, origin: StageDeclaration) -> LoadComparison:
        """Read both; raises what keeps either from being read."""
        stage, pinned = settled.declaration, settled.readable()
        above = _at_load(pinner, origin, pinned)
        forms = forms_between(stage, origin, absent=lacking(stage, pinned), absent_above=lacking(origin, above))
        found = Side.of(stage.name, pinned, forms.own)
        return cls(forms, found, Side.of(origin.name, above, forms.above))

    def keys(self) -> KeyDifference:
        """Return which keys are missing and which should not be there."""
        names = [c.name for c in self.forms.own.key]
        wanted = self.expected.hashes.select(names).unique()
        expected = keys.ExpectedKeys(wanted, wanted.clear(), (self.expected.stage,))
        return keys.compare(self.found.hashes.select(names), expected, names)

    def rows(self) -> RowDifference:
        """Return which rows of both differ in a value."""
        return compare_sides(self.forms, self.found, self.expected, [self.expected])


class LoadComparisons:
    """The comparisons of one session: the rows of both sides are read and hashed once, for keys and for values."""

    def __init__(self, pipeline: Pipeline, pinner: Pinner) -> None:
        self._pipeline = pipeline
        self._pinner = pinner
        self._made: dict[str, tuple[Settled, LoadComparison]] = {}

    def of(self, settled: Settled) -> LoadComparison | None:
        """Return the comparison of a table of a warehouse with what it is loaded from; None for all other stages.

        Raises what keeps either side from being read.
        """
        stage = settled.declaration
        origin = loaded_from(self._pipeline, stage)
        if origin is None:
            return None
        made = self._made.get(stage.name)
        if made is None or made[0] is not settled:
            made = self._made[stage.name] = (settled, LoadComparison.of(self._pinner, settled, origin))
        return made[1]


def _at_load(pinner: Pinner, origin: StageDeclaration, table: PinnedStage) -> PinnedStage:
    """The origin at the version that the table's newest load tells, which may be behind where the origin was pinned."""
    settled = pinner.settled(origin)
    if isinstance(table.position, VersionPosition) and table.position != settled.position:
        return pinner.reader(origin).at(table.position)
    return settled.readable()
