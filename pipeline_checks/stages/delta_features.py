"""What of a Delta table the reader would not read, or not as it is: refused by name, with what can be done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from pipeline_checks.model.errors import TerminalError

if TYPE_CHECKING:
    import deltalake

_WIDENED: Final = frozenset({"typeWidening", "typeWidening-preview"})
_VARIANT: Final = "variant"


def refuse_unreadable(table: deltalake.DeltaTable, what: str) -> None:
    """Raise TerminalError when the table has a feature under which delta-rs reads no rows; ``what`` was being done."""
    widened = _WIDENED & set(table.protocol().reader_features or ())
    if widened:
        name = min(widened)
        raise TerminalError(
            f"{what}: the table has the feature {name} (type widening), under which its files cannot be read here.",
            next_step=f"Rewrite it without: ALTER TABLE ... DROP FEATURE '{name}', by Spark.",
            feature=name,
        )


def refuse_columns(table: deltalake.DeltaTable, columns: Sequence[str] | None, what: str) -> None:
    """Raise TerminalError when a column that is to be read, all when None, holds variants, which come encoded."""
    for field in table.schema().fields:
        if (columns is None or field.name in columns) and str(getattr(field.type, "type", field.type)) == _VARIANT:
            raise TerminalError(
                f"{what}: the column {field.name!r} is of type variant, which cannot be read here.",
                next_step="List it under `ignore` of the stage, or keep its text (to_json) in a column of its own.",
                feature=_VARIANT,
            )
