"""Which keys have to be compared when two stages were proved to agree before: those touched since, and a slice.

Touched are the keys of every event behind the proved offsets, and those whose rows differ between the files that
commits of others removed and added; a commit of the mover changes the keys of its events. What is neither can only have
changed where no log tells of it; so that this cannot hide for long, each run compares one more slice of all keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from pipeline_checks.clients.settings import setting
from pipeline_checks.engines.row_hashes import HASH, RowForm
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.events import OFFSET, OP, PARTITION, TRUNCATE
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.stage import PinnedStage
from pipeline_checks.values.buckets import BucketPlan, stretches
from pipeline_checks.verification.history import IN_CUT, LSN, TopicHistory
from pipeline_checks.verification.narrowing import BucketSource, Narrowed, hashed_sides
from pipeline_checks.verification.row_forms import Forms

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt
    import polars

    from pipeline_checks.model.stage import Rows

SLICES: Final = 64
"""Of so many slices of the keys, one is compared in full each run."""
MOST_REWRITTEN: Final = 0.25
"""Share of a table's files that others may have written since; reading what these were before costs as much as all."""
SLICES_VARIABLE: Final = "PIPELINE_CHECKS_SWEEP"
MOST_OPEN: Final = 0.5
"""Share of buckets beyond which everything is compared: then there is little left to spare."""
FINEST: Final = 2**23
"""Buckets of an increment at most: as small as one key where that is enough, so that a touched key opens no other."""
MOST_KEPT: Final = 2_000_000
"""Rows of a side that are kept, so that each side is read once; more are read anew by whoever asks."""
LEAST_HASHED: Final = 65_536
"""Keys in long stretches of open buckets below which their rows are read at once, without a look at their hashes."""
MOST_HASHED_RANGES: Final = 50
MOST_RANGES: Final = 100
"""Ranges of keys that a table is asked for; it looks at each row with every one of them."""


def slices() -> int:
    """Return of how many slices one is compared in full each run; raises ConfigurationError when it is no number."""
    written = setting(SLICES_VARIABLE, str(SLICES))
    if not written.isdigit() or int(written) < 1:
        raise ConfigurationError(
            f"{SLICES_VARIABLE} is {written!r}", next_step=f"Write a whole number above zero, such as {SLICES}."
        )
    return int(written)


@runtime_checkable
class RangedTable(Protocol):
    """A table that can leave out ranges of an integer key, both ends inclusive, and need not read them."""

    def rows_outside(self, columns: Sequence[str], key: str, ranges: Sequence[tuple[int, int]]) -> Rows: ...


@dataclass(frozen=True)
class Sweep:
    """The slice of all keys that a run compares in full: number ``slice`` of ``of``."""

    slice: int = 0
    of: int = SLICES

    @classmethod
    def after(cls, last: Mapping[str, int] | None, of: int = SLICES) -> Sweep:
        """Return the slice behind the one that was proved last; the first when everything was, or by other slices.

        >>> Sweep.after({"slice": 15, "of": 16}, 16), Sweep.after(None, 16).to_json()
        (Sweep(slice=0, of=16), {'slice': 0, 'of': 16})
        """
        if last is None or last["of"] != of:
            return cls(0, of)
        return cls((last["slice"] + 1) % of, of)

    def to_json(self) -> dict[str, int]:
        """Return ``{"slice", "of"}``."""
        return {"slice": self.slice, "of": self.of}

    def buckets(self, plan: BucketPlan) -> npt.NDArray[np.bool_]:
        """Return which buckets of a plan lie in the slice: two to four stretches, so that few files and pages are read.

        Where a slice lies follows from the keys alone while their range does not double; when it has, a key may have to
        wait for its slice one round longer.
        """
        import numpy as np

        wider = max(0, (-(-plan.count // self.of) - 1).bit_length() - 2)
        first, last = plan.least >> wider, (plan.least + plan.count - 1) >> wider
        marked = np.zeros(plan.count, np.bool_)
        for stretch in range(first + (self.slice - first) % self.of, last + 1, self.of):
            start = (stretch << wider) - plan.least
            marked[max(0, start) : start + (1 << wider)] = True
        return marked


@dataclass(frozen=True)
class Increment(Narrowed):
    """What a pair of stages is narrowed to by an earlier proof.

    ``unread`` is the number of rows that were proved before and not touched since, the same on both sides.
    """

    unread: int = 0
    kept_source: polars.DataFrame | None = None
    kept_table: polars.DataFrame | None = None

    def of_source(self, source: BucketSource, columns: Sequence[str]) -> Rows:
        """Return the rows of the source that are to be compared."""
        if self.kept_source is not None and set(columns) <= set(self.kept_source.columns):
            return self.kept_source.lazy().select(columns)
        return super().of_source(source, columns)

    def of_table(self, pinned: PinnedStage, columns: Sequence[str]) -> Rows:
        """Return the rows of the table that are to be compared; a table that can reads only files that have some."""
        if self.kept_table is not None and set(columns) <= set(self.kept_table.columns):
            return self.kept_table.lazy().select(columns)
        left_out = stretches(self.equal, self.plan)
        if isinstance(pinned, RangedTable) and len(left_out) <= MOST_RANGES:
            return pinned.rows_outside(columns, self.key, left_out)
        return super().of_table(pinned, columns)

    @property
    def rows(self) -> int:
        """How many rows need not be looked at."""
        return self.unread

    def without(self, keys: npt.NDArray[np.int64]) -> Narrowed:
        """Return itself: keys with events since the proof are open already."""
        return self


def settled_offsets(history: TopicHistory, covers: OffsetsPosition) -> dict[int, int]:
    """Return by partition the offsets below which a table has applied every event, and the cut has it too."""
    import polars as pl

    behind = history.values().filter(~pl.col(IN_CUT)).group_by(PARTITION).agg(pl.col(OFFSET).min())
    first = dict(behind.select(PARTITION, OFFSET).iter_rows())
    return {p: min(o, first.get(p, o)) for p, o in covers.partitions(history.topic).items()}


def events_since(history: TopicHistory, proved: Mapping[int, int]) -> polars.DataFrame | None:
    """Return the keys of all events at or behind the proved offsets, by partition; None for all keys.

    A truncate touches every key.
    """
    import polars as pl

    limits = pl.DataFrame(
        {PARTITION: list(proved), "__proved": list(proved.values())},
        schema={PARTITION: history.frame.schema[PARTITION], "__proved": pl.Int64},
    )
    events = history.frame.join(limits, on=PARTITION, how="left")
    since = events.filter(pl.col(OFFSET) >= pl.col("__proved").fill_null(0))
    if since.filter(pl.col(OP) == TRUNCATE).height:
        return None
    key = list(history.key)
    return since.select(*key).filter(pl.all_horizontal(pl.col(k).is_not_null() for k in key)).unique()


def fingerprint(history: TopicHistory, proved: Mapping[int, int]) -> str:
    """Return what tells a topic, up to some offsets, from another of its name: the last event below each of them.

    It changes when that event has expired, so that events since then may have as well.
    """
    import polars as pl

    told = []
    for partition, offset in sorted(proved.items()):
        if offset:
            below = history.frame.filter((pl.col(PARTITION) == partition) & (pl.col(OFFSET) < offset))
            last = below.sort(OFFSET).tail(1).select(OFFSET, LSN).rows()
            told.append(f"{partition}:{last[0][0]}:{last[0][1]}" if last else f"{partition}:expired")
    return " ".join(told)


def rewritten_keys(form: RowForm, gone: Rows | None, added: Rows | None) -> npt.NDArray[np.int64]:
    """Return the keys whose rows differ between files that went and files that were added, one key column.

    A row that was only written anew is no difference; one that was written twice is.
    """
    import numpy as np
    import polars as pl

    name = form.key[0].name
    sides = [form.hashed(rows).select(name, HASH) for rows in (gone, added) if rows is not None]
    if not sides:
        return np.array([], np.int64)
    weights = [-1, 1] if gone is not None and added is not None else [1]
    together = pl.concat(
        [side.with_columns(pl.lit(w, pl.Int64).alias("__weight")) for side, w in zip(sides, weights, strict=True)]
    )
    changed = together.group_by(name, HASH).agg(pl.col("__weight").sum()).filter(pl.col("__weight") != 0)
    return changed.get_column(name).drop_nulls().unique().cast(pl.Int64).to_numpy()


def finer(plan: BucketPlan) -> BucketPlan:
    """Return the plan with smaller buckets, so that one touched key does not open many others."""
    bits = max(0, min(plan.shift, (FINEST // plan.count).bit_length() - 1))
    return BucketPlan(plan.shift - bits, plan.least << bits, plan.count << bits)


def open_buckets(plan: BucketPlan, touched: npt.NDArray[np.int64], sweep: Sweep) -> npt.NDArray[np.bool_]:
    """Return the buckets that must be compared. Keys outside of the plan are always looked at."""
    places = (touched >> plan.shift) - plan.least
    marked = sweep.buckets(plan)
    marked[places[(places >= 0) & (places < plan.count)]] = True
    return marked


def increment(
    source: PinnedStage,
    table: PinnedStage,
    totals: tuple[int, int],
    keys: tuple[str, str],
    plan: BucketPlan,
    opened: npt.NDArray[np.bool_],
    compared: tuple[Forms, BucketPlan] | None = None,
) -> Increment | None:
    """Return the two sides narrowed to some buckets; None when that cannot be right, or would save nothing.

    Both sides must have the same number of rows outside of these: one that was lost or added there is then seen, even
    if no log tells of it.

    Parameters
    ----------
    totals:
        The rows of the source and of the table.
    keys:
        The name of the key in the source and in the table.
    compared:
        How the rows are compared, and a plan of which ``plan`` is a finer one. With it long stretches of open buckets
        are compared by their hashes first, and the rows that are left are kept with all their columns.
    """
    import numpy as np

    if not isinstance(source, BucketSource) or float(opened.mean()) > MOST_OPEN:
        return None
    reads: tuple[Sequence[str], Sequence[str]] = ((), ())
    if compared is not None:
        forms, coarse = compared
        reads = (forms.above.reads, forms.own.reads)
        opened = opened & ~_equal_stretches(source, table, forms, coarse, plan, opened)
    made = Increment(plan, ~opened, np.empty(0, np.int64), keys[1], keys[0])
    wanted = [list(dict.fromkeys([key, *others])) for key, others in zip(keys, reads, strict=True)]
    with ThreadPoolExecutor(1) as beside:
        of_table = beside.submit(lambda: _read(made.of_table(table, wanted[1]), wanted[1]))
        held, source_rows = _read(made.of_source(source, wanted[0]), wanted[0])
        found, table_rows = of_table.result()
    if totals[0] - held != totals[1] - found:
        return None
    return replace(made, unread=totals[1] - found, kept_source=source_rows, kept_table=table_rows)


def _equal_stretches(
    source: BucketSource,
    table: PinnedStage,
    forms: Forms,
    coarse: BucketPlan,
    plan: BucketPlan,
    opened: npt.NDArray[np.bool_],
) -> npt.NDArray[np.bool_]:
    """Return the buckets, among those that are open side by side, in which both sides hold the same rows."""
    import numpy as np

    finer_ones = 1 << (coarse.shift - plan.shift)
    dense = opened.reshape(coarse.count, finer_ones).mean(axis=1) > MOST_OPEN
    none, ranges = np.zeros(plan.count, np.bool_), stretches(dense, coarse)
    if int(dense.sum()) << coarse.shift < LEAST_HASHED or len(ranges) > MOST_HASHED_RANGES:
        return none
    only = Increment(coarse, ~dense, np.empty(0, np.int64), forms.own.key[0].source, forms.above.key[0].source)
    sides = hashed_sides(source, only.of_table(table, forms.own.reads), forms, coarse, ranges)
    return none if sides is None else np.repeat(dense & sides[0].equal(sides[1]), finer_ones)


def _read(rows: Any, columns: Sequence[str]) -> tuple[int, polars.DataFrame | None]:
    """Return how many rows there are, and the rows unless they are too many to be kept."""
    import polars as pl

    from pipeline_checks.engines.row_hashes import batches

    parts: list[polars.DataFrame] = []
    height = 0
    for part in batches(rows, columns):
        height += part.height
        parts = [] if height > MOST_KEPT else [*parts, part]
    return height, pl.concat(parts) if parts else None
