"""The numbered rows of a stage: which numbers are missing, and at which of the stages before they are first missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pipeline_checks.engines.frames import lazy_frame
from pipeline_checks.model.events import OFFSET, OP, PARTITION, ROW_OPERATIONS
from pipeline_checks.model.kinds import LEDGER_KINDS, TOPIC_KINDS
from pipeline_checks.model.measure import KEY_SAMPLE
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.sequences import Gap, Misplaced, Sequences, SequenceState
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.stages.feed_pinned import ENTRY, SENT_AT
from pipeline_checks.verification.pinning import Pinner
from pipeline_checks.verification.settled import Settled

if TYPE_CHECKING:
    import polars

PROMISE = "sequence"
RESTARTS_AFTER = timedelta(hours=1)
"""So much later a number below half of the last one begins a sequence anew; sooner it is out of order."""
_NUMBER, _BEFORE, _TIME, _SEGMENT = "__number", "__before", "__time", "__segment"


def sequences(pipeline: Pipeline, pinner: Pinner, settled: Settled, measure: SequenceState) -> Sequences:
    """Return the numbers of a stage's rows.

    A number that is missing is blamed on the first of the stages before, each made of the one before it, that does not
    have it either. Raises what kept one of them from being read.
    """
    stage = settled.declaration
    chain = _chain(pipeline, stage)
    by = [f"__by_{i}" for i in range(len(measure.by))]
    rows = _rows(pinner, settled, measure)
    ordered = rows if _is_ordered(stage) else None
    segments = rows.with_columns(_segment(ordered, by)) if ordered is not None else rows.with_columns(_first_segment())
    missing = _missing(segments, by)
    wrong, restarts = _disorder(segments, by) if ordered is not None else (rows.clear(), rows.clear())
    # The stages before are asked only of what is wrong here.
    above = [(s, _rows(pinner, pinner.settled(s), _promised(s))) for s in chain if missing.height or wrong.height]
    gaps = _gaps(missing, by, [(s.name, f.select(*by, _NUMBER).unique()) for s, f in above], stage.name, measure.by)
    before = next(((s, f) for s, f in above if _is_ordered(s)), None)
    blamed = _blame_order(wrong, by, before, stage)
    promised = [s for s in (stage, *pipeline.ancestors(stage)) if s.kind in LEDGER_KINDS]
    return Sequences(
        rows=rows.height,
        groups=rows.select(by).unique().height if by else min(rows.height, 1),
        repeated=rows.height - rows.select(*by, _NUMBER).unique().height,
        missing_total=sum(g.numbers for g in gaps),
        gaps=tuple(gaps),
        misplaced_total=wrong.height,
        misplaced=tuple(_told(row, by, measure, name, settled) for row, name in blamed[:KEY_SAMPLE]),
        restarts=tuple(
            _told(row, by, measure, stage.name, settled) for row in restarts.head(KEY_SAMPLE).iter_rows(named=True)
        ),
        is_ordered=ordered is not None,
        promised=all(pinner.settled(s).coverage.covers_cut is True for s in promised),
        ranges=_ranges(rows, by),
    )


def _chain(pipeline: Pipeline, stage: StageDeclaration) -> list[StageDeclaration]:
    """The stages before that promise a sequence too, the nearest first; a feed without a ledger has none to tell."""
    return [s for s in pipeline.ancestors(stage) if s.holds_rows and s.contract.promises.get(PROMISE) is not None]


def _promised(stage: StageDeclaration) -> SequenceState:
    written: Mapping[str, Any] = stage.contract.promises[PROMISE]
    by = written.get("by") or ()
    return SequenceState((by,) if isinstance(by, str) else tuple(by), str(written["number"]))


def _is_ordered(stage: StageDeclaration) -> bool:
    return stage.kind in TOPIC_KINDS | LEDGER_KINDS


def _rows(pinner: Pinner, settled: Settled, measure: SequenceState) -> polars.DataFrame:
    """Group, number, and of stages with an order place and time of each row, in that order."""
    import polars as pl

    stage, pinned = settled.declaration, settled.readable()
    names = [*measure.by, measure.number]
    time = stage.contract.event_time
    beside: list[str] = []
    if stage.kind in TOPIC_KINDS:
        beside = [PARTITION, OFFSET, OP]
    elif stage.kind in LEDGER_KINDS:
        beside = [SENT_AT, ENTRY]
    wanted = list(dict.fromkeys((*names, *beside, *([time] if time and beside else ()))))
    frame = lazy_frame(pinned.rows(wanted), wanted).collect(engine="streaming")
    if OP in beside:
        frame = frame.filter(pl.col(OP).is_in(ROW_OPERATIONS))
    frame = frame.filter(pl.col(measure.number).is_not_null())
    if beside:
        frame = frame.sort(beside[:2])
    told = [pl.col(name).alias(f"__by_{i}") for i, name in enumerate(measure.by)]
    told.append(pl.col(measure.number).cast(pl.Int64).alias(_NUMBER))
    if beside:
        told += [pl.col(n) for n in beside if n != OP]
        told.append((pl.col(time) if time else pl.lit(None, pl.Datetime("us", "UTC"))).alias(_TIME))
    return frame.select(told)


def _first_segment() -> polars.Expr:
    import polars as pl

    return pl.lit(0, pl.Int64).alias(_SEGMENT)


def _over(expression: polars.Expr, by: Sequence[str]) -> polars.Expr:
    return expression.over(list(by)) if by else expression


def _segment(rows: polars.DataFrame, by: Sequence[str]) -> polars.Series:
    """Count the restarts of each group: numbers below half of the greatest since the last, an hour later or more."""
    import polars as pl

    last = _over(pl.col(_NUMBER).cum_max().shift(1), by)
    before = _over(pl.col(_TIME).shift(1), by)
    begins = (pl.col(_NUMBER) * 2 < last) & (pl.col(_TIME) - before > RESTARTS_AFTER)
    if not rows.select(begins.fill_null(False).any()).item():
        return pl.Series(_SEGMENT, [0], pl.Int64).new_from_index(0, rows.height)
    return pl.Series(_SEGMENT, _counted(rows, by), pl.Int64)


def _counted(rows: polars.DataFrame, by: Sequence[str]) -> list[int]:
    """Number the sequences of each group row by row, as each restart decides what the next one is set against."""
    held: dict[tuple[Any, ...], tuple[int, int, Any]] = {}
    found = []
    for *group, number, time in rows.select(*by, _NUMBER, _TIME).iter_rows():
        segment, most, before = held.get(tuple(group), (0, number, time))
        if number * 2 < most and time is not None and before is not None and time - before > RESTARTS_AFTER:
            segment, most = segment + 1, number
        held[tuple(group)] = (segment, max(most, number), time)
        found.append(segment)
    return found


def _missing(rows: polars.DataFrame, by: Sequence[str]) -> polars.DataFrame:
    """The ends of each stretch of numbers that are not there, within the range of each group."""
    import polars as pl

    keyed = [*by, _SEGMENT]
    there = rows.select(*keyed, _NUMBER).unique().sort(*keyed, _NUMBER)
    stepped = there.with_columns(pl.col(_NUMBER).shift(1).over(keyed).alias(_BEFORE))
    return stepped.filter(pl.col(_NUMBER) - pl.col(_BEFORE) > 1).select(
        *by, (pl.col(_BEFORE) + 1).alias("first"), (pl.col(_NUMBER) - 1).alias("last")
    )


def _gaps(
    missing: polars.DataFrame,
    by: Sequence[str],
    before: Sequence[tuple[str, polars.DataFrame]],
    name: str,
    columns: Sequence[str],
) -> list[Gap]:
    """Split the stretches by the stage at which they are first missing."""
    found: list[Gap] = []
    for row in missing.sort(*by, "first").iter_rows(named=True):
        group = {column: row[b] for column, b in zip(columns, by, strict=True)}
        held = [(above, _of_group(frame, by, row)) for above, frame in before]
        found += [Gap(group, *run) for run in _blamed(row["first"], row["last"], name, held)]
    return found


def _of_group(frame: polars.DataFrame, by: Sequence[str], row: Mapping[str, Any]) -> polars.Series:
    import polars as pl

    matching = [pl.col(b).eq_missing(pl.lit(row[b])) for b in by]
    return frame.filter(pl.all_horizontal(pl.lit(True), *matching)).get_column(_NUMBER).sort()


def _blamed(
    first: int, last: int, name: str, before: Sequence[tuple[str, polars.Series]]
) -> list[tuple[int, int, str]]:
    """Return the parts of a stretch, each with the stage at which it is first missing.

    ``before`` are the numbers of the stages before, the nearest first. What lies beyond the numbers that a stage has
    is no gap there, as it may have expired; then the one before it is asked.
    """
    if not before:
        return [(first, last, name)]
    if not before[0][1].len():
        return _blamed(first, last, name, before[1:])
    above, numbers = before[0]
    least, most = int(numbers[0]), int(numbers[-1])
    inside = numbers.filter((numbers >= first) & (numbers <= last)).to_list()
    runs: list[tuple[int, int, str]] = []
    if first < least:
        runs += _blamed(first, min(last, least - 1), name, before[1:])
    expected = max(first, least)
    for number in [*inside, min(last, most) + 1]:
        if number > expected:
            runs += _blamed(expected, number - 1, above, before[1:])
        if number <= last and number <= most:
            runs.append((number, number, name))
        expected = number + 1
    if last > most:
        runs += _blamed(max(first, most + 1), last, name, before[1:])
    return _merged(runs)


def _merged(runs: Sequence[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    found: list[tuple[int, int, str]] = []
    for first, last, stage in runs:
        if found and found[-1][2] == stage and found[-1][1] + 1 == first:
            found[-1] = (found[-1][0], last, stage)
        else:
            found.append((first, last, stage))
    return found


def _disorder(rows: polars.DataFrame, by: Sequence[str]) -> tuple[polars.DataFrame, polars.DataFrame]:
    """Rows behind a greater number of their group, leaving out repetitions; and rows at which a sequence restarts."""
    import polars as pl

    keyed = [*by, _SEGMENT]
    told = rows.with_columns(pl.col(_NUMBER).cum_max().shift(1).over(keyed).alias(_BEFORE))
    first = pl.struct(*keyed, _NUMBER).is_first_distinct()
    wrong = told.filter(first & (pl.col(_NUMBER) < pl.col(_BEFORE)))
    last = rows.with_columns(_over(pl.col(_NUMBER).shift(1), by).alias(_BEFORE))
    begins = pl.col(_SEGMENT) > _over(pl.col(_SEGMENT).shift(1), by)
    return wrong, last.filter(begins.fill_null(False))


def _blame_order(
    wrong: polars.DataFrame,
    by: Sequence[str],
    above: tuple[StageDeclaration, polars.DataFrame] | None,
    stage: StageDeclaration,
) -> list[tuple[dict[str, Any], str]]:
    """Name the stage that has each row out of order first: the one before where it is so there too."""
    import polars as pl

    rows = list(wrong.iter_rows(named=True))
    if above is None or not rows:
        return [(row, stage.name) for row in rows]
    segments = above[1].with_columns(_segment(above[1], by))
    there, _ = _disorder(segments, by)
    known = set(there.select(*by, pl.col(_NUMBER)).iter_rows())
    return [(r, above[0].name if (*(r[b] for b in by), r[_NUMBER]) in known else stage.name) for r in rows]


def _told(row: Mapping[str, Any], by: Sequence[str], measure: SequenceState, stage: str, settled: Settled) -> Misplaced:
    key = {column: row[b] for column, b in zip(measure.by, by, strict=True)}
    position = None
    if isinstance(settled.position, OffsetsPosition) and settled.position.offsets:
        topic = settled.position.offsets[0][0]
        position = OffsetsPosition.of({topic: {row[PARTITION]: row[OFFSET]}})
    return Misplaced({**key, measure.number: row[_NUMBER]}, row[_BEFORE], stage, position)


def _ranges(rows: polars.DataFrame, by: Sequence[str]) -> dict[str, tuple[int, int]]:
    import polars as pl

    if not rows.height:
        return {}
    ends = [pl.col(_NUMBER).min().alias("least"), pl.col(_NUMBER).max().alias("most")]
    found = rows.group_by(list(by)).agg(ends).sort(list(by)) if by else rows.select(ends)
    return {
        " ".join(str(row[b]) for b in by) or "all": (row["least"], row["most"])
        for row in found.head(KEY_SAMPLE).iter_rows(named=True)
    }
