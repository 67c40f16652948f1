"""Buckets of row hashes over Arrow rows, by the function with which Postgres hashes its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pipeline_checks.engines.row_hashes import ComparedColumn, derived_as_declared
from pipeline_checks.values.buckets import BucketPlan, Buckets

if TYPE_CHECKING:
    import pyarrow

    from pipeline_checks.model.stage import Rows


def hashed_buckets(
    rows: Rows,
    key: str,
    columns: Sequence[str],
    derived: Sequence[ComparedColumn],
    named: dict[str, str],
    plan: BucketPlan,
) -> Buckets | None:
    """Return the buckets of some rows, but for those that lie in none; None when a column cannot be hashed.

    Parameters
    ----------
    columns:
        The columns to hash, in the order in which the other side hashes its own.
    derived:
        Columns computed from the others of the same row; where one is not as declared, its bucket is suspect.
    named:
        The name of each column of these rows for the expressions of ``derived``.
    """
    import numpy as np

    from pipeline_checks.values.postgres_hash import add_to_buckets, can_be_hashed, row_hashes

    counts, folded = np.zeros(plan.count, np.int64), np.zeros(plan.count, np.uint64)
    suspect = np.zeros(plan.count, np.bool_)
    for batch in _batches(rows, [key, *columns, *(c.name for c in derived)]):
        arrays = [batch.column(name) for name in columns]
        keys = batch.column(key)
        if keys.null_count or not all(can_be_hashed(a.type) for a in arrays):
            return None
        numbers = keys.to_numpy(zero_copy_only=False).astype(np.int64, copy=False)
        add_to_buckets(numbers, row_hashes(arrays), plan.shift, plan.least, counts, folded)
        if derived:
            wrong = numbers[~derived_as_declared(batch, derived, named)]
            places = (wrong >> plan.shift) - plan.least
            suspect[places[(places >= 0) & (places < plan.count)]] = True
    return Buckets(plan, counts, folded, suspect)


def _batches(rows: Rows, columns: Sequence[str]) -> Iterator[pyarrow.RecordBatch]:
    import polars as pl
    import pyarrow as pa

    wanted = list(dict.fromkeys(columns))
    if isinstance(rows, pl.LazyFrame):
        for frame in rows.select(wanted).collect_batches(maintain_order=False):
            yield from frame.to_arrow().combine_chunks().to_batches()
        return
    for batch in rows.to_batches() if isinstance(rows, pa.Table) else rows:
        yield batch.select(wanted)
