"""What second rows of one key in a table are: the same row written twice, or different rows of one key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline_checks.engines.frames import lazy_rows
from pipeline_checks.model.measure import DuplicateSample
from pipeline_checks.model.stage import PinnedStage, StageDeclaration
from pipeline_checks.values.json_values import to_json_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars

_ROWS, _VARIANTS = "__rows", "__variants"


def duplicate_classes(declaration: StageDeclaration, pinned: PinnedStage, doubled: DuplicateSample) -> tuple[str, ...]:
    """Return the class of each key of the sample: ``sink_rewrite`` or ``business``.

    Rows are the same when they agree in every column that is promised; columns that the stage ignores say when and how
    a row was written, not what it is. Without doubled keys nothing is read.
    """
    if not doubled.sample:
        return ()
    key = list(declaration.contract.key)
    promised = [c for c in declaration.contract.columns if c not in declaration.ignore]
    columns = promised or [n for n in pinned.schema().names if n not in declaration.ignore]
    found = _variants(pinned, key, list(dict.fromkeys((*key, *columns))))
    classes = {
        _identity([row[k] for k in key]): "sink_rewrite" if row[_VARIANTS] == 1 else "business"
        for row in found.iter_rows(named=True)
    }
    return tuple(classes.get(_identity([named[k] for k in key]), "business") for named, _ in doubled.sample)


def _variants(pinned: PinnedStage, key: list[str], columns: list[str]) -> polars.DataFrame:
    """Return the doubled keys with the number of different rows each has."""
    import polars as pl

    counted = lazy_rows(pinned, key).group_by(key).agg(pl.len().alias(_ROWS))
    doubled = counted.filter(pl.col(_ROWS) > 1).select(key).collect(engine="streaming")
    rows = lazy_rows(pinned, columns).join(doubled.lazy(), on=key, how="semi", nulls_equal=True)
    held = rows.collect(engine="streaming")
    return held.unique().group_by(key).agg(pl.len().alias(_VARIANTS))


def _identity(values: Sequence[Any]) -> tuple[str, ...]:
    """The key in a form that is equal whether a value is as the table has it or as reports show it."""
    return tuple(str(to_json_value(value)) for value in values)
