"""What validators count in the rows of a stage: cells without a value, rows that break rules, repeats, outliers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline_checks.engines.selections import selected
from pipeline_checks.engines.sql import text
from pipeline_checks.model.quality import Validator

if TYPE_CHECKING:
    import pyarrow

_ROWS = "rows"
_FENCE = 1.5
"""How many times the range of the middle half a value may lie beyond it."""


def counted(rows: pyarrow.Table, validator: Validator, stage: str) -> dict[str, int]:
    """Return what a validator counts, by name, and under ``rows`` how many rows there are.

    Raises ConfigurationError for an expression that cannot be computed.
    """
    items = [(_ROWS, "count(*)")]
    items += [(name, f"count(*) FILTER (WHERE ({e}) IS NULL)") for name, e in validator.nulls]
    items += [(name, f"count(*) FILTER (WHERE ({e}) IS NOT TRUE)") for name, e in validator.rules]
    if validator.unique:
        whole = ", ".join(f"{text(name)}: ({expression})" for name, expression in validator.unique)
        items.append(("repeated", f"count(*) - count(DISTINCT {{{whole}}})"))
    if validator.spread:
        items += _outliers(rows, validator, stage)
    found: dict[str, Any] = selected(rows, items, None, stage).row(0, named=True)
    return {name: int(value or 0) for name, value in found.items()}


def _outliers(rows: pyarrow.Table, validator: Validator, stage: str) -> list[tuple[str, str]]:
    quartiles = [
        (f"{name} {number}", f"quantile_cont(CAST(({e}) AS DOUBLE), {number / 4})")
        for name, e in validator.spread
        for number in (1, 3)
    ]
    found = selected(rows, quartiles, None, stage).row(0, named=True)
    items = []
    for name, expression in validator.spread:
        low, high = found[f"{name} 1"], found[f"{name} 3"]
        if low is None:
            items.append((name, "0"))
            continue
        fence = _FENCE * (high - low)
        value = f"CAST(({expression}) AS DOUBLE)"
        items.append((name, f"count(*) FILTER (WHERE {value} < {low - fence!r} OR {value} > {high + fence!r})"))
    return items


def lacking(rows: pyarrow.Table, columns: tuple[str, ...]) -> list[str]:
    """Return the columns that the rows do not have."""
    return [name for name in columns if name not in rows.column_names]
