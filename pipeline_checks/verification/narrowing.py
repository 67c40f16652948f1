"""Which rows of a large table need not be looked at: those in buckets whose counts and hashes agree on both sides.

The source computes its buckets where its rows are, the table's rows are hashed by the same function. Only the buckets
that differ are read row by row.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from pipeline_checks.engines.bucket_hashes import hashed_buckets
from pipeline_checks.engines.row_hashes import batches
from pipeline_checks.model.stage import PinnedStage
from pipeline_checks.values.buckets import BucketPlan, Buckets, stretches
from pipeline_checks.verification.row_forms import Forms

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt
    import polars
    import pyarrow

    from pipeline_checks.model.stage import Rows
    from pipeline_checks.verification.settled import Settled

LEAST_BYTES = 32 * 2**20
"""Size of a source table from which on it is narrowed; below, reading it costs less than asking twice."""
MOST_LISTED = 1000
"""Buckets that a table is asked for by their numbers; of more it is read whole, which then is faster."""
MOST_DIFFERING = 0.25
"""Share of buckets beyond which all rows are read: then there is little left to spare."""


@runtime_checkable
class BucketSource(Protocol):
    """A stage that computes buckets of row hashes where its rows are; see ``PinnedPostgres``."""

    def size(self) -> int: ...
    def bucket_plan(self, key: str) -> BucketPlan | None: ...
    def hashes_as_we_do(self, columns: Sequence[str]) -> bool: ...
    def hashed_buckets(
        self,
        key: str,
        columns: Sequence[str],
        plan: BucketPlan,
        ranges: Sequence[tuple[int, int]] | None = None,
    ) -> Buckets: ...
    def rows_in(
        self, columns: Sequence[str], key: str, ranges: Sequence[tuple[int, int]]
    ) -> pyarrow.RecordBatchReader: ...


@runtime_checkable
class BucketedTable(Protocol):
    """A table that finds the rows of some buckets of an integer key by itself, those outside of a plan included."""

    def rows_of_buckets(self, columns: Sequence[str], key: str, plan: BucketPlan, buckets: Sequence[int]) -> Rows: ...


@dataclass(frozen=True)
class Narrowed:
    """What is proved of two sides: the rows of the buckets marked ``equal`` are the same, each there once.

    ``counts`` has the number of rows of each bucket, ``key`` and ``source_key`` are the key's names in the table and in
    the source.
    """

    plan: BucketPlan
    equal: npt.NDArray[np.bool_]
    counts: npt.NDArray[np.int64]
    key: str
    source_key: str

    @property
    def rows(self) -> int:
        """How many rows are proved equal."""
        return int(self.counts[self.equal].sum())

    def without(self, keys: npt.NDArray[np.int64]) -> Narrowed:
        """Return the same with the buckets of some keys open: of those another side than the source tells."""
        places = (keys >> self.plan.shift) - self.plan.least
        equal = self.equal.copy()
        equal[places[(places >= 0) & (places < len(equal))]] = False
        return replace(self, equal=equal)

    @cached_property
    def ranges(self) -> list[tuple[int, int]]:
        """The keys of the buckets that differ."""
        return stretches(~self.equal, self.plan)

    def of_source(self, source: BucketSource, columns: Sequence[str]) -> Rows:
        """Return the rows of the source that are not proved equal."""
        return source.rows_in(columns, self.source_key, self.ranges)

    def of_table(self, pinned: PinnedStage, columns: Sequence[str]) -> Rows:
        """Return the rows of the table that are not proved equal, those outside of all buckets included."""
        import numpy as np
        import polars as pl

        shift, least, equal = self.plan.shift, self.plan.least, self.equal
        open_ = np.flatnonzero(~equal)
        if isinstance(pinned, BucketedTable) and len(open_) <= MOST_LISTED:
            return pinned.rows_of_buckets(columns, self.key, self.plan, open_.tolist())

        def kept(frame: polars.DataFrame) -> polars.DataFrame:
            places = (frame.get_column(self.key).cast(pl.Int64).to_numpy() >> shift) - least
            inside = (places >= 0) & (places < len(equal))
            return frame[np.flatnonzero(~(inside & equal[np.where(inside, places, 0)]))]

        return pl.concat([kept(frame) for frame in batches(pinned.rows(columns), columns)]).lazy()


def narrow(source: PinnedStage, table: PinnedStage, forms: Forms, *, least_bytes: int = LEAST_BYTES) -> Narrowed | None:
    """Return what is proved equal by buckets; None where that is not possible or would save nothing.

    ``forms.above`` must be the form of the source's rows.
    """
    if not isinstance(source, BucketSource) or len(forms.own.key) != 1:
        return None
    key, source_key = forms.own.key[0].source, forms.above.key[0].source
    if source.size() < least_bytes or (plan := source.bucket_plan(source_key)) is None:
        return None
    sides = hashed_sides(source, table.rows(list(forms.own.reads)), forms, plan)
    if sides is None:
        return None
    equal = sides[0].equal(sides[1])
    if float((~equal).mean()) > MOST_DIFFERING:
        return None
    return Narrowed(plan, equal, sides[0].counts, key, source_key)


def hashed_sides(
    source: BucketSource,
    rows: Rows,
    forms: Forms,
    plan: BucketPlan,
    ranges: Sequence[tuple[int, int]] | None = None,
) -> tuple[Buckets, Buckets] | None:
    """Return the buckets of some rows of a table and those of its source; None where they cannot be set side by side.

    With ``ranges`` only rows of the source whose key lies in one of them are in its buckets.
    """
    key, source_key = forms.own.key[0].source, forms.above.key[0].source
    pairs = list(zip(forms.own.columns, forms.above.columns, strict=True))
    plain = [(own, above) for own, above in pairs if not above.is_expression]
    derived = [above for _, above in pairs if above.is_expression]
    names, theirs = [own.source for own, _ in plain], [above.source for _, above in plain]
    if not source.hashes_as_we_do(theirs):
        return None
    with ThreadPoolExecutor(1) as beside:
        asked = beside.submit(source.hashed_buckets, source_key, theirs, plan, ranges)
        ours = hashed_buckets(rows, key, names, derived, dict(zip(names, theirs, strict=True)), plan)
        held = asked.result()
    return None if ours is None else (ours, held)


class EarlierProofs(Protocol):
    """What was proved before; see ``proving.Prover``."""

    def of(self, source: Settled, table: Settled, forms: Forms) -> Narrowed | None: ...


class Narrower:
    """Narrows each pair of a source and a table once for a session: by an earlier proof, else by buckets."""

    def __init__(self, proved: EarlierProofs | None = None) -> None:
        self._proved = proved
        self._known: dict[tuple[str, str], Narrowed | None] = {}

    def of(self, source: Settled, table: Settled, forms: Forms, moved: polars.DataFrame) -> Narrowed | None:
        """Return what is proved equal of a table and its source; the buckets of the keys in ``moved`` are open.

        ``forms.above`` must be the form of the source's rows. None where all rows have to be looked at.
        """
        if source.pinned is None or table.pinned is None:
            return None
        pair = (source.declaration.name, table.declaration.name)
        if pair not in self._known:
            found = None if self._proved is None else self._proved.of(source, table, forms)
            found = found or narrow(source.pinned, table.pinned, forms)
            if found is not None and moved.height:
                found = found.without(moved.to_series(0).cast(int).to_numpy())
            self._known[pair] = found
        return self._known[pair]
