"""Rows as keys and hashes: what two sides of a comparison are set against each other by, in bounded memory.

A row becomes its key and 64 bits over the canonical values of the compared columns; only the rows whose hashes differ
are looked at again, with their values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_checks.engines.expressions import computed
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.values.canonical import canonical

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars
    import pyarrow

    from pipeline_checks.model.stage import Rows

HASH = "__hash"
"""uint64: the hash of the compared values of a row"""


@dataclass(frozen=True)
class ComparedColumn:
    """A column as one side has it.

    ``name`` is what both sides call it, ``source`` the column of this side or, where ``is_expression``, the SQL that
    computes it from the side's row; ``type`` is that at which both sides are compared.
    """

    name: str
    source: str
    type: LogicalType
    is_expression: bool = False


@dataclass(frozen=True)
class RowForm:
    """How the rows of one side are brought into the common form: its key columns and compared columns."""

    key: tuple[ComparedColumn, ...]
    columns: tuple[ComparedColumn, ...]
    reads: tuple[str, ...]
    """The columns of this side that are read."""

    def hashed(self, rows: Rows) -> polars.DataFrame:
        """Return a row for each row: the key in canonical form, and ``HASH``."""
        import polars as pl

        def shortened(frame: polars.DataFrame) -> polars.DataFrame:
            values = self._canonical(frame, self.columns)
            key = self._canonical(frame, self.key)
            hashed = pl.struct(values).hash() if values else pl.lit(0, pl.UInt64)
            return frame.select(*key, hashed.alias(HASH))

        return self._collected(rows, shortened)

    def keyed(self, frame: polars.DataFrame) -> polars.DataFrame:
        """Return the key of each row in canonical form."""
        return frame.select(self._canonical(frame, self.key))

    def valued(self, rows: Rows, keys: polars.DataFrame) -> polars.DataFrame:
        """Return the rows of some keys (in canonical form): key and compared columns, in canonical form."""

        def of_keys(frame: polars.DataFrame) -> polars.DataFrame:
            names = [c.name for c in self.key]
            key = self.keyed(frame).with_row_index("__row")
            places = key.join(keys, on=names, how="semi", nulls_equal=True).get_column("__row")
            found = frame[places]
            return found.select(*self._canonical(found, self.key), *self._canonical(found, self._beside_key()))

        return self._collected(rows, of_keys)

    def _beside_key(self) -> tuple[ComparedColumn, ...]:
        names = {c.name for c in self.key}
        return tuple(c for c in self.columns if c.name not in names)

    def _canonical(self, frame: polars.DataFrame, columns: Sequence[ComparedColumn]) -> list[polars.Expr]:
        import polars as pl

        found = []
        for column in columns:
            source = column.name if column.is_expression else column.source
            found.append(canonical(pl.col(source), frame.schema[source], column.type).alias(column.name))
        return found

    def _collected(self, rows: Rows, made: Callable[[polars.DataFrame], polars.DataFrame]) -> polars.DataFrame:
        import polars as pl

        parts = [made(self._with_expressions(batch)) for batch in batches(rows, self.reads)]
        return pl.concat(parts, rechunk=True)

    def _with_expressions(self, frame: polars.DataFrame) -> polars.DataFrame:
        import polars as pl

        expressions = {c.name: c.source for c in (*self.key, *self.columns) if c.is_expression}
        if not expressions:
            return frame
        return frame.with_columns(pl.DataFrame(computed(frame.to_arrow(), expressions)))


def derived_as_declared(
    batch: pyarrow.RecordBatch, derived: Sequence[ComparedColumn], named: Mapping[str, str]
) -> npt.NDArray[np.bool_]:
    """Return for each row whether its derived columns hold what their expressions give over its other columns.

    ``named`` gives each column of the batch the name by which the expressions know it.
    """
    import numpy as np
    import polars as pl
    import pyarrow as pa

    given = pa.table({named[n]: batch.column(n) for n in batch.schema.names if n in named})
    made, held = computed(given, {c.name: c.source for c in derived}), pl.DataFrame(batch)
    wanted = pl.DataFrame(made)
    same = np.ones(batch.num_rows, np.bool_)
    for column in derived:
        one = held.select(canonical(pl.col(column.name), held.schema[column.name], column.type)).to_series()
        other = wanted.select(canonical(pl.col(column.name), wanted.schema[column.name], column.type)).to_series()
        same &= one.eq_missing(other).to_numpy()
    return same


def batches(rows: Rows, columns: Sequence[str]) -> Iterator[polars.DataFrame]:
    """Yield the rows in parts, the first of them even when there is no row."""
    import polars as pl
    import pyarrow as pa

    if isinstance(rows, pl.LazyFrame):
        yield rows.select(columns).clear().collect()
        yield from rows.select(columns).collect_batches(chunk_size=_BATCH_ROWS, maintain_order=False)
        return
    parts = rows.to_batches(max_chunksize=_BATCH_ROWS) if isinstance(rows, pa.Table) else rows
    yield _frame(pa.Table.from_batches([], rows.schema), columns)
    held: list[pa.RecordBatch] = []
    for part in parts:
        held.append(part)
        if sum(batch.num_rows for batch in held) >= _BATCH_ROWS:
            yield _frame(pa.Table.from_batches(held), columns)
            held = []
    if held:  # readers hand out small batches, and each frame has a cost of its own
        yield _frame(pa.Table.from_batches(held), columns)


def _frame(table: object, columns: Sequence[str]) -> polars.DataFrame:
    import polars as pl

    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame if frame.columns == list(columns) else frame.select(columns)


def differing_keys(found: polars.DataFrame, expected: polars.DataFrame, key: Sequence[str]) -> polars.DataFrame:
    """Return the keys that both sides hold and whose rows differ, each once. A side may have several rows of a key."""
    import polars as pl

    joined = found.join(expected, on=list(key), how="inner", nulls_equal=True, suffix="__expected")
    return joined.filter(pl.col(HASH) != pl.col(f"{HASH}__expected")).select(*key).unique(maintain_order=False)


_BATCH_ROWS = 262_144
