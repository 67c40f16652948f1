"""Measures about the rows of several stages together, or about all rows of one as a whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline_checks.model.clock import now
from pipeline_checks.model.delays import Delays
from pipeline_checks.model.fates import Fates
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.quality import Quality
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.totals import Totals
from pipeline_checks.verification.delays import delays_of
from pipeline_checks.verification.fate_comparison import fate_difference
from pipeline_checks.verification.pinning import Pinner
from pipeline_checks.verification.quality import quality_of
from pipeline_checks.verification.settled import Settled
from pipeline_checks.verification.totals_comparison import totals_difference

RowSetMeasure = Fates | Totals | Quality | Delays


def row_set_measure(
    pipeline: Pipeline,
    pinner: Pinner,
    settled: Settled,
    measure: RowSetMeasure,
    rows_of: Callable[[StageDeclaration], int],
) -> Any:
    """Return the value of a measure about a stage that was settled; ``rows_of`` counts those of any stage."""
    if isinstance(measure, Fates):
        return fate_difference(pipeline, pinner, settled, measure)
    if isinstance(measure, Totals):
        return totals_difference(pipeline, pinner, settled, measure)
    if isinstance(measure, Quality):
        return quality_of(pipeline, pinner, settled, measure, rows_of)
    return delays_of(pinner, settled, measure, now())
