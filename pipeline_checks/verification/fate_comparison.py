"""Fates: of every row of some stages exactly one, kept in a stage or put aside in another with its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.events import OFFSET, PARTITION
from pipeline_checks.model.fates import Fate, FateDifference, Fates
from pipeline_checks.model.kinds import TOPIC_KINDS
from pipeline_checks.model.measure import KEY_SAMPLE
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.selection import Kept, Named, Selection
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.verification.history import IN_CUT
from pipeline_checks.verification.pinning import Pinner
from pipeline_checks.verification.selections import KEY, aligned, json_row, rows_of, stage_named, widened
from pipeline_checks.verification.settled import Settled

if TYPE_CHECKING:
    import polars

_SHOWN = "__shown_"
_RULE, _DUE, _SAME, _FIRST = "__rule", "__due", "__same_", "__first_"
_STAGE, _REASON, _STANDS = "__stage", "__reason", "__stands"
_COVERED, _OWED, _MADE = "__covered", "__owed", "__made"


def fate_difference(pipeline: Pipeline, pinner: Pinner, settled: Settled, asked: Fates) -> FateDifference:
    """Return what became of the rows that a stage and others hold the fates of.

    Raises ConfigurationError when the promise names a stage that there is not, or an expression cannot be computed.
    """
    import polars as pl

    own = settled.declaration.name
    sources = [(s, stage_named(pipeline, s.stage, own)) for s in asked.of]
    holders = [(s, stage_named(pipeline, s.stage, own)) for s in (asked.here, *asked.others)]
    names = list(asked.here.names)
    key = [f"{KEY}{n}" for n in names]
    for _, stage in (*sources, *holders):
        pinner.settled(stage).readable()
    given = _with_due(_given(pinner, sources, [s for _, s in holders], asked), asked)
    made = aligned(_made(pinner, holders), given, key)
    made = made.join(given.filter(~pl.col(_COVERED)).select(key), on=key, how="anti", nulls_equal=True)
    owed = given.filter(pl.col(_COVERED))
    counts = owed.group_by(key).agg(pl.len().alias(_OWED))
    found = made.group_by(key).agg(pl.len().alias(_MADE), pl.col(_STANDS).sort())
    both = counts.join(found, on=key, how="full", coalesce=True, nulls_equal=True)
    both = both.with_columns(pl.col(_OWED).fill_null(0), pl.col(_MADE).fill_null(0)).sort(key, nulls_last=True)
    expired = not all(pinner.history(s.name).is_whole for _, s in sources if s.kind in TOPIC_KINDS)
    unexpected = both.filter(pl.col(_OWED) == 0)
    shown = _shown(owed, key)
    aside = made.filter(pl.col(_STAGE) != own).group_by(_REASON).agg(pl.len()).sort(_REASON)
    lost = both.filter(pl.col(_MADE) < pl.col(_OWED))
    twice = both.filter((pl.col(_MADE) > pl.col(_OWED)) & (pl.col(_OWED) > 0))
    wrong = _misjudged(owed, made, both, asked, key)
    return FateDifference(
        rows=owed.height,
        kept=made.filter(pl.col(_STAGE) == own).height,
        aside={str(reason): count for reason, count in aside.iter_rows()},
        missing_total=lost.height,
        missing=tuple(_told(lost, shown, names, key)),
        repeated_total=twice.height,
        repeated=tuple(_told(twice, shown, names, key)),
        unexpected_total=0 if expired else unexpected.height,
        unexpected=() if expired else tuple(_told(unexpected, shown, names, key)),
        misjudged_total=wrong.height,
        misjudged=tuple(_told(wrong, shown, names, key)),
        open=given.filter(~pl.col(_COVERED) & pl.col(IN_CUT)).height,
        later=given.filter(~pl.col(_COVERED) & ~pl.col(IN_CUT)).height,
        unknown=unexpected.height if expired else 0,
    )


def _prefixed(named: Named, prefix: str) -> list[tuple[str, str]]:
    return [(f"{prefix}{name}", expression) for name, expression in named]


def _given(
    pinner: Pinner,
    sources: Sequence[tuple[Selection, StageDeclaration]],
    holders: Sequence[StageDeclaration],
    asked: Fates,
) -> polars.DataFrame:
    """The rows that must have a fate, and whether all holders cover them."""
    import polars as pl

    once = [] if asked.once is None else [*_prefixed(asked.once.by, _SAME), *_prefixed(asked.once.first, _FIRST)]
    frames = []
    for selection, stage in sources:
        columns = [*_prefixed(selection.key, KEY), *_prefixed(asked.show, _SHOWN), *once]
        columns.append((_RULE, asked.rule or "NULL::VARCHAR"))
        is_topic = stage.kind in TOPIC_KINDS
        if is_topic:
            columns += [(PARTITION, f'"{PARTITION}"'), (OFFSET, f'"{OFFSET}"')]
        frame = rows_of(pinner, stage, columns, selection.where, with_malformed=True)
        if is_topic:
            frame = frame.with_columns(_is_covered(pinner, stage, holders)).drop(PARTITION, OFFSET)
        else:
            frame = frame.with_columns(pl.lit(True).alias(_COVERED), pl.lit(True).alias(IN_CUT))
        if selection.distinct:
            frame = frame.unique(subset=[f"{KEY}{n}" for n in selection.names], keep="first", maintain_order=True)
        frames.append(widened(frame))
    return pl.concat(frames, how="vertical_relaxed")


def _is_covered(pinner: Pinner, topic: StageDeclaration, holders: Sequence[StageDeclaration]) -> polars.Expr:
    import polars as pl

    name = pinner.history(topic.name).topic
    limits = [covers.partitions(name) for h in holders if (covers := pinner.settled(h).covers) is not None]
    if not limits:
        return pl.lit(True).alias(_COVERED)
    least = {p: min(limit.get(p, 0) for limit in limits) for p in {p for limit in limits for p in limit}}
    inside = ((pl.col(PARTITION) == p) & (pl.col(OFFSET) < o) for p, o in least.items())
    return pl.any_horizontal(pl.lit(False), *inside).alias(_COVERED)


def _with_due(given: polars.DataFrame, asked: Fates) -> polars.DataFrame:
    """The rows with the reason for which each must be put aside, NULL for those that must be kept."""
    import polars as pl

    if asked.once is None:
        return given.with_columns(pl.col(_RULE).cast(pl.String).alias(_DUE))
    same, first = ([f"{p}{n}" for n, _ in named] for p, named in ((_SAME, asked.once.by), (_FIRST, asked.once.first)))
    good = pl.col(_RULE).is_null() & pl.col(_COVERED)
    ordered = given.sort(first, nulls_last=True, maintain_order=True)
    again = good & (good.cast(pl.Int64).cum_sum().over(same) > 1)
    reason = pl.when(again).then(pl.lit(asked.once.reason)).otherwise(pl.col(_RULE).cast(pl.String))
    return ordered.with_columns(reason.alias(_DUE))


def _made(pinner: Pinner, holders: Sequence[tuple[Selection, StageDeclaration]]) -> polars.DataFrame:
    """All fates: their key, the stage that holds them, and the reason where they are put aside."""
    import polars as pl

    frames = []
    for number, (selection, stage) in enumerate(holders):
        reason = selection.reason if isinstance(selection, Kept) and selection.reason else "NULL"
        columns = [*_prefixed(selection.key, KEY), (_REASON, f"CAST({reason} AS VARCHAR)")]
        frame = widened(rows_of(pinner, stage, columns, selection.where)).drop(IN_CUT, strict=False)
        named = pl.lit(stage.name) if not number else pl.format("{}: {}", pl.lit(stage.name), pl.col(_REASON))
        frames.append(frame.with_columns(pl.lit(stage.name).alias(_STAGE), named.alias(_STANDS)))
    first = frames[0]
    keys = [c for c in first.columns if c.startswith(KEY)]
    return pl.concat([first, *(aligned(f, first, keys) for f in frames[1:])], how="vertical_relaxed")


def _misjudged(
    owed: polars.DataFrame, made: polars.DataFrame, both: polars.DataFrame, asked: Fates, key: list[str]
) -> polars.DataFrame:
    """Rows that have one fate, and not the one that the rule gives them."""
    import polars as pl

    if asked.rule is None and asked.once is None:
        return both.clear().with_columns(pl.lit(None, pl.String).alias(_DUE), pl.lit(None, pl.String).alias(_REASON))
    single = both.filter((pl.col(_OWED) == 1) & (pl.col(_MADE) == 1))
    due = owed.select(*key, _DUE)
    seen = made.select(*key, _REASON)
    joined = single.join(due, on=key, how="left", nulls_equal=True).join(seen, on=key, how="left", nulls_equal=True)
    return joined.filter(pl.col(_DUE).ne_missing(pl.col(_REASON)))


def _shown(owed: polars.DataFrame, key: list[str]) -> polars.DataFrame:
    shown = [c for c in owed.columns if c.startswith(_SHOWN)]
    return owed.select(*key, *shown).unique(subset=key, keep="first", maintain_order=True)


def _told(rows: polars.DataFrame, shown: polars.DataFrame, names: Sequence[str], key: list[str]) -> list[Fate]:
    some = rows.head(KEY_SAMPLE).join(shown, on=key, how="left", nulls_equal=True, maintain_order="left")
    return [_fate(row, names) for row in some.iter_rows(named=True)]


def _fate(row: Mapping[str, Any], names: Sequence[str]) -> Fate:
    shown = [c.removeprefix(_SHOWN) for c in row if c.startswith(_SHOWN)]
    return Fate(
        key=json_row(dict(row), names),
        stands=tuple(row[_STANDS] or ()),
        shown=json_row(dict(row), shown, _SHOWN),
        due=row.get(_DUE),
        seen=row.get(_REASON),
    )
