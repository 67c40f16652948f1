"""Keys and order of records that were made of others, how long they took, and how many came a second."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pipeline_checks.model.conservation import LinkOrderDifference, RateSample, RecordPlace
from pipeline_checks.model.events import APPEND_TIME, OFFSET, PARTITION
from pipeline_checks.model.measure import KEY_SAMPLE, LatencySample
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.verification.history import TopicHistory
from pipeline_checks.verification.latency import CLOCK_TOLERANCE
from pipeline_checks.verification.linked import (
    KEY,
    SOURCE,
    SOURCE_KEY,
    SOURCE_OFFSET,
    SOURCE_PARTITION,
    SOURCE_TOPIC,
    STAGE,
    input_place,
    input_records,
    inputs_of,
    links_required,
    output_place,
    output_records,
)
from pipeline_checks.verification.pinning import Pinner

if TYPE_CHECKING:
    import polars

_BEFORE, _AT = "__before", "__at"
_APPENDED, _GIVEN = "__appended", "__given"


def link_order(pipeline: Pipeline, pinner: Pinner, stage: StageDeclaration) -> LinkOrderDifference:
    """Return outputs whose key is not that of their input, and those that stand before an earlier one of their key.

    A second output of an input is no change of order: of those the first counts.
    """
    import polars as pl

    topics = inputs_of(pipeline, stage)
    given = input_records(pinner, topics).select(*SOURCE, SOURCE_KEY)
    made = output_records(pinner, [stage], topics).join(given, on=SOURCE, how="inner").sort(PARTITION, OFFSET)
    keyless = pl.col(SOURCE_KEY).is_null()  # what has no key promises none
    other = made.filter(~keyless & pl.col(KEY).ne_missing(pl.col(SOURCE_KEY)))
    again = pl.col(KEY).is_not_null() & pl.col(KEY).is_duplicated()  # where a key comes once there is no order
    keyed = made.filter(again).unique(SOURCE, keep="first", maintain_order=True)
    by = [PARTITION, KEY, SOURCE_TOPIC, SOURCE_PARTITION]
    ordered = keyed.with_columns(
        pl.col(SOURCE_OFFSET).cum_max().shift(1).over(by).alias(_BEFORE),
    )
    wrong = ordered.filter(pl.col(SOURCE_OFFSET) < pl.col(_BEFORE))
    before = keyed.select(*SOURCE, pl.col(OFFSET).alias(_AT), STAGE).unique(SOURCE, keep="first")
    sample = wrong.head(KEY_SAMPLE).join(
        before.drop(STAGE), left_on=[SOURCE_TOPIC, SOURCE_PARTITION, _BEFORE], right_on=SOURCE, how="left"
    )
    return LinkOrderDifference(
        records=made.height,
        keyless=made.filter(keyless).height,
        keys_total=other.height,
        keys=tuple(
            (output_place(row), input_place(pinner, topics, row))
            for row in other.head(KEY_SAMPLE).iter_rows(named=True)
        ),
        disorder_total=wrong.height,
        disorder=tuple(
            (place := output_place(row), RecordPlace(place.stage, place.topic, place.partition, row[_AT], place.key))
            for row in sample.sort(PARTITION, OFFSET).iter_rows(named=True)
        ),
    )


def link_latency(
    pipeline: Pipeline, pinner: Pinner, stage: StageDeclaration, now: datetime, window: float
) -> LatencySample:
    """Return the time from each input's append to its output, for inputs appended within ``window`` seconds before now.

    Hops are ``input_to_processing``, where the links say which column tells that instant, and ``input_to_output``.
    """
    import polars as pl

    topics, links = inputs_of(pipeline, stage), links_required(stage)
    given = input_records(pinner, topics, [APPEND_TIME]).rename({APPEND_TIME: _GIVEN})
    since = now - timedelta(seconds=window)
    given = given.filter(pl.col(_GIVEN) >= since).select(*SOURCE, _GIVEN)
    columns = [APPEND_TIME, *([links.processed] if links.processed else [])]
    made = output_records(pinner, [stage], topics, columns).join(given, on=SOURCE, how="inner")
    made = made.sort(PARTITION, OFFSET).unique(SOURCE, keep="first", maintain_order=True)
    instants = {}
    if links.processed:
        instants["input_to_processing"] = _instant(made, links.processed)
    instants["input_to_output"] = pl.col(APPEND_TIME)
    if not made.height:
        return LatencySample(0, {name: () for name in instants})
    seconds = made.select(
        (at - pl.col(_GIVEN)).dt.total_microseconds().truediv(1e6).alias(name) for name, at in instants.items()
    )
    early = pl.any_horizontal(at < pl.col(_GIVEN) - CLOCK_TOLERANCE for at in instants.values())
    worst = made.row(int(seconds.get_column("input_to_output").arg_max() or 0), named=True)
    place = output_place(worst)
    return LatencySample(
        events=made.height,
        hops={name: tuple(seconds.get_column(name).drop_nulls().to_list()) for name in instants},
        backwards=made.filter(early).height,
        slowest={
            "topic": place.topic,
            "partition": place.partition,
            "offset": place.offset,
            "key": {"key": place.key},
        },
    )


def rates(history: TopicHistory, now: datetime, window: float) -> RateSample:
    """Return how many records were appended to a topic within ``window`` seconds before now, and in which time."""
    import polars as pl

    at = history.frame.filter(pl.col(APPEND_TIME) >= now - timedelta(seconds=window)).get_column(APPEND_TIME)
    first, last = at.min(), at.max()
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        return RateSample(0, 0.0)
    return RateSample(at.len(), (last - first).total_seconds())


def _instant(frame: polars.DataFrame, column: str) -> polars.Expr:
    """An instant that stands as one, or as ISO text."""
    import polars as pl

    if frame.schema[column] == pl.String:
        return pl.col(column).str.to_datetime(time_unit="us", time_zone="UTC", strict=False)
    return pl.col(column).cast(pl.Datetime("us", "UTC"))
