"""Damages of rows, whatever table they stand in: which rows, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.events import OP
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.stage import StageDeclaration

if TYPE_CHECKING:
    import pyarrow

Row = dict[str, Any]
Earlier = Callable[[], Iterator["pyarrow.Table"]]
"""Gives the rows of earlier versions of the table, the newest first."""

_FAR = 1_000_000
"""How far behind the greatest key an invented one lies."""


@dataclass(frozen=True)
class Chosen:
    """The rows that a damage is about, as they shall be afterwards; ``before`` as they were.

    ``facts`` tell what an expectation needs beside the keys.
    """

    rows: tuple[Row, ...] = ()
    before: tuple[Row, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Scene:
    """What a damage looks at: the stage, its rows now (in the order of the key), and earlier versions of them."""

    stage: StageDeclaration
    rows: pyarrow.Table
    earlier: Earlier
    pipeline: Pipeline

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that name a row."""
        return self.stage.contract.key

    def some(self, number: int, fits: Callable[[Row], bool] = lambda row: True) -> list[Row]:
        """Return so many rows that fit, spread over the table; raises TerminalError when there are too few."""
        found = [row for row in self.rows.to_pylist() if fits(row)]
        if len(found) < number:
            raise TerminalError(
                f"{self.stage.name} has {len(found)} rows that could be damaged so, {number} are needed.",
                next_step="Seed more rows first.",
            )
        step = len(found) // number
        return [found[step * n + step // 2] for n in range(number)]

    def column(self, *families: str) -> str:
        """Return the first column beside the key of one of the families of types; raises TerminalError when none is."""
        for name, column in self.stage.contract.columns.items():
            if name not in self.key and column.type.family in families and column.computed is None:
                return name
        raise TerminalError(
            f"{self.stage.name} has no column of {' or '.join(families)}.", next_step="Choose another stage."
        )


def some_rows(number: int) -> Callable[[Scene], Chosen]:
    """Choose so many rows as they are."""

    def choose(scene: Scene) -> Chosen:
        rows = tuple(scene.some(number))
        return Chosen(rows, rows)

    return choose


def changed(
    change: Callable[[Any], Any], *families: str, column: str | None = None, number: int = 1
) -> Callable[[Scene], Chosen]:
    """Choose rows and change the value of one column: the one given, or the first of one of the families of types.

    Only rows are chosen whose value is there and becomes another one.
    """

    def choose(scene: Scene) -> Chosen:
        name = column or scene.column(*families)
        before = scene.some(number, lambda row: row[name] is not None and change(row[name]) != row[name])
        after = tuple({**row, name: change(row[name])} for row in before)
        return Chosen(after, tuple(before), {"column": name})

    return choose


def other_operation(scene: Scene) -> Chosen:
    """Choose a row of a change log and say that its event was of another kind.

    Raises TerminalError when no column is declared to hold the operation of the event as a text.
    """
    for name, origin in scene.stage.columns.items():
        words = {row[name] for row in scene.rows.to_pylist() if isinstance(row[name], str)}
        if OP in origin and words:
            (before,) = scene.some(1, lambda row, name=name: row[name] is not None)  # type: ignore[misc]
            other = min(words - {before[name]}, default=f"not {before[name]}")
            return Chosen(({**before, name: other},), (before,), {"column": name})
    raise TerminalError(f"{scene.stage.name} has no column of operations.", next_step="Choose another stage.")


def earlier_state(scene: Scene) -> Chosen:
    """Choose a row and take the values that it had in an earlier version of the table."""
    now = {_identity(row, scene.key): row for row in scene.rows.to_pylist()}
    promised = [c for c in scene.stage.contract.columns if c in scene.rows.schema.names]
    for version in scene.earlier():
        for row in version.to_pylist():
            current = now.get(_identity(row, scene.key))
            if current is not None and any(current[c] != row.get(c) for c in promised):
                return Chosen((_shaped(row, scene.rows),), (current,))
    raise _no_history(scene)


def deleted_row(scene: Scene) -> Chosen:
    """Choose a row that an earlier version of the table had and that is there no more."""
    now = {_identity(row, scene.key) for row in scene.rows.to_pylist()}
    for version in scene.earlier():
        for row in version.to_pylist():
            if _identity(row, scene.key) not in now:
                return Chosen((_shaped(row, scene.rows),))
    raise _no_history(scene)


def invented_row(scene: Scene) -> Chosen:
    """Choose a row and give it a key that no one knows."""
    (row,) = scene.some(1)
    last = scene.key[-1]
    greatest = max(r[last] for r in scene.rows.to_pylist())
    return Chosen(({**row, last: greatest + _FAR},))


def cent_more(value: Decimal) -> Decimal:
    """Return the amount with a hundredth more.

    >>> cent_more(Decimal("9.99"))
    Decimal('10.00')
    """
    return value + Decimal("0.01")


def whole(value: Decimal) -> Decimal:
    """Return the amount without what stands behind the point, at its scale.

    >>> whole(Decimal("9.99"))
    Decimal('9.00')
    """
    return Decimal(int(value)).quantize(value)


def hour_later(value: datetime) -> datetime:
    """Return the time of a clock that is one time zone off."""
    return value + timedelta(hours=1)


def without(rows: pyarrow.Table, key: Sequence[str], gone: Iterable[Row]) -> pyarrow.Table:
    """Return the rows but those of some keys."""
    import pyarrow as pa

    keys = {_identity(row, key) for row in gone}
    kept = [_identity(row, key) not in keys for row in rows.select(list(key)).to_pylist()]
    return rows.filter(pa.array(kept, pa.bool_()))


def as_table(rows: Iterable[Row], like: pyarrow.Table) -> pyarrow.Table:
    """Return rows in the shape of a table."""
    import pyarrow as pa

    return pa.Table.from_pylist(list(rows), schema=like.schema)


def _identity(row: Mapping[str, Any], key: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row[k] for k in key)


def _shaped(row: Row, like: pyarrow.Table) -> Row:
    return {name: row.get(name) for name in like.schema.names}


def _no_history(scene: Scene) -> TerminalError:
    return TerminalError(
        f"the versions of {scene.stage.name} that can still be read hold no such earlier row.",
        next_step="Change and delete some rows in the source first, and let the flow write them.",
    )
