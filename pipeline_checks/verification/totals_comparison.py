"""Totals of two stages, group by group, and the rows in which they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.measure import KEY_SAMPLE
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.totals import OtherTotal, Totals, TotalsDifference, TotalsPromise
from pipeline_checks.values.json_values import to_json_value
from pipeline_checks.verification.pinning import Pinner
from pipeline_checks.verification.selections import KEY, aligned, json_row, rows_of, stage_named, widened
from pipeline_checks.verification.settled import Settled

if TYPE_CHECKING:
    import polars

_BY, _SUM, _COUNT = "__by_", "__sum_", "__count"
_OTHER = "__other"
COUNT = "count"
"""The name under which rows are counted, beside the sums."""


def totals_difference(pipeline: Pipeline, pinner: Pinner, settled: Settled, asked: Totals) -> TotalsDifference:
    """Return the totals of a stage, and in which groups and rows they are not those of the stage it is set against.

    Raises ConfigurationError when that stage promises no totals, or by other names.
    """
    own, promise = settled.declaration, asked.promise
    mine = _rows(pinner, own, promise)
    sums = _sums(mine, promise)
    whole = _whole(sums, promise)
    if promise.against is None:
        return TotalsDifference(sums.height, mine.height, None, whole=whole)
    other = stage_named(pipeline, promise.against, own.name)
    theirs_promised = _promise_of(other, promise, own)
    theirs = _rows(pinner, other, theirs_promised)
    key = [f"{KEY}{n}" for n, _ in promise.key]
    if promise.kept:
        theirs = aligned(theirs, mine, key).join(mine.select(key), on=key, how="semi", nulls_equal=True)
    groups = _apart(_sums(theirs, promise), sums, promise)
    found = list(_differing(groups, theirs, mine, promise, key, {n for n, _ in theirs_promised.key}))
    return TotalsDifference(
        groups=sums.height,
        rows=mine.height,
        against=other.name,
        differing_total=max(len(found), groups.height),
        differing=tuple(found[:KEY_SAMPLE]),
        whole=whole,
    )


def _promise_of(other: StageDeclaration, promise: TotalsPromise, own: StageDeclaration) -> TotalsPromise:
    written = promise.there or other.contract.promises.get("totals")
    if written is None:
        raise ConfigurationError(
            f"the totals of {own.name} are set against {other.name}, which promises none.",
            next_step="Promise `totals` there too, by the same names, or say `there` how they are added up.",
        )
    theirs = TotalsPromise.model_validate(written)
    for what in ("by", "sum"):
        names, others = ([n for n, _ in getattr(p, what)] for p in (promise, theirs))
        if names != others:
            raise ConfigurationError(
                f"{own.name} adds up {what} {', '.join(names)}, {other.name} {what} {', '.join(others)}.",
                next_step="Name the same groups and sums, in the same order.",
            )
    return theirs


def _rows(pinner: Pinner, stage: StageDeclaration, promise: TotalsPromise) -> polars.DataFrame:
    columns = [(f"{_BY}{n}", e) for n, e in promise.by] + [(f"{KEY}{n}", e) for n, e in promise.key]
    columns += [(f"{_SUM}{n}", e) for n, e in promise.sum] + [(_COUNT, promise.count)]
    return widened(rows_of(pinner, stage, columns, promise.where))


def _sums(rows: polars.DataFrame, promise: TotalsPromise) -> polars.DataFrame:
    import polars as pl

    values = [pl.col(c).sum() for c in (*(f"{_SUM}{n}" for n, _ in promise.sum), _COUNT)]
    return rows.group_by([f"{_BY}{n}" for n, _ in promise.by]).agg(values)


def _whole(sums: polars.DataFrame, promise: TotalsPromise) -> dict[str, Any]:
    named = {**{n: f"{_SUM}{n}" for n, _ in promise.sum}, COUNT: _COUNT}
    return {name: to_json_value(sums.get_column(column).sum()) for name, column in named.items()}


def _columns(promise: TotalsPromise) -> dict[str, str]:
    return {**{n: f"{_SUM}{n}" for n, _ in promise.sum}, COUNT: _COUNT}


def _apart(expected: polars.DataFrame, found: polars.DataFrame, promise: TotalsPromise) -> polars.DataFrame:
    """The groups whose sums differ, with both: the expected ones by their names, those found with a suffix."""
    import polars as pl

    by = [f"{_BY}{n}" for n, _ in promise.by]
    both = expected.join(
        aligned(found, expected, by), on=by, how="full", coalesce=True, suffix=_OTHER, nulls_equal=True
    )
    differ = (pl.col(c).ne_missing(pl.col(f"{c}{_OTHER}")) for c in _columns(promise).values())
    return both.filter(pl.any_horizontal(*differ)).sort(by, nulls_last=True)


def _differing(
    groups: polars.DataFrame,
    expected: polars.DataFrame,
    found: polars.DataFrame,
    promise: TotalsPromise,
    key: list[str],
    named_there: set[str],
) -> Iterator[OtherTotal]:
    """Yield what differs in each group: the rows where both stages name them, else the group."""
    import polars as pl

    names = [n for n, _ in promise.key]
    by = [n for n, _ in promise.by]
    values = _columns(promise)
    for group in groups.iter_rows(named=True):
        told = json_row(group, by, _BY)
        if not names or named_there != set(names):
            yield OtherTotal(told, None, *_values(group, values))
            continue
        inside = pl.all_horizontal(pl.col(f"{_BY}{n}").eq_missing(pl.lit(group[f"{_BY}{n}"])) for n in by)
        ours, theirs = (aligned(found, expected, [f"{_BY}{n}" for n in by]).filter(inside), expected.filter(inside))
        both = theirs.join(
            aligned(ours, theirs, key), on=key, how="full", coalesce=True, suffix=_OTHER, nulls_equal=True
        )
        differ = (pl.col(c).ne_missing(pl.col(f"{c}{_OTHER}")) for c in values.values())
        rows = both.filter(pl.any_horizontal(*differ)).sort(key, nulls_last=True)
        for row in rows.iter_rows(named=True):
            yield OtherTotal(told, json_row(row, names), *_values(row, values))
        if not rows.height:  # a row that stands there twice is as it must be each time
            yield OtherTotal(told, None, *_values(group, values))


def _values(
    row: Mapping[str, Any], values: Mapping[str, str]
) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
    """The values that differ, as expected and as found; None for a side that has no such row or group."""
    sides: list[Mapping[str, Any] | None] = []
    for suffix in ("", _OTHER):
        if row[f"{_COUNT}{suffix}"] is None:
            sides.append(None)
            continue
        differing = {n: c for n, c in values.items() if row[c] != row[f"{c}{_OTHER}"]}
        sides.append({n: to_json_value(row[f"{c}{suffix}"]) for n, c in differing.items()})
    return sides[0], sides[1]
