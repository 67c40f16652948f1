"""Which keys a stage must hold, and how that differs from those it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.events import OFFSET, PARTITION
from pipeline_checks.model.measure import KEY_SAMPLE, KeyDifference, KeyPlace
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.values.json_values import to_json_value
from pipeline_checks.verification.fold import PRESENT, fold_presence
from pipeline_checks.verification.history import IN_CUT, TopicHistory

if TYPE_CHECKING:
    import polars

    from pipeline_checks.verification.key_blame import KeyBlame


@dataclass(frozen=True)
class ExpectedKeys:
    """The keys that a stage must hold at its position.

    ``keys`` has one row a key. ``unknown`` are keys about which nothing can be said; ``whole`` is False when even keys
    that are not named may be unknown. ``against`` names the stages the expectation was made of.
    """

    keys: polars.DataFrame
    unknown: polars.DataFrame
    against: tuple[str, ...]


def _presence(keys: polars.DataFrame, key: Sequence[str]) -> polars.DataFrame:
    return keys.select(*key).unique()


def _typed_as(history: TopicHistory, source: polars.DataFrame) -> polars.DataFrame:
    """Return the source's keys in the types that the topic's keys have: a source may be narrower."""
    return source.select(*history.key).cast({k: history.frame.schema[k] for k in history.key})


def expected_in_table(
    history: TopicHistory, source: polars.DataFrame | None, covers: OffsetsPosition, against: tuple[str, ...]
) -> ExpectedKeys:
    """Return the keys a table of the current state must hold, given the offsets it covers.

    For a key none of whose events lies on different sides of the cut and of the table's position, the table must
    agree with the source at the cut. For the others the fold at the table's own position tells. Without ``source``
    (its cut has not passed the topic) the fold decides for all.
    """
    import polars

    key = list(history.key)
    events = history.values()
    applied = history.below(events, covers)
    folded = fold_presence(applied, key)
    present = _presence(folded.filter(polars.col(PRESENT)), key)
    if source is None:
        return ExpectedKeys(present, present.clear(), against)
    moved = history.moved(covers)
    if moved is None:
        return ExpectedKeys(present, present.clear(), against)
    source_keys = _typed_as(history, source)
    unmoved = source_keys.join(moved, on=key, how="anti", nulls_equal=True)
    decided = present.join(moved, on=key, how="semi", nulls_equal=True)
    unknown = moved.clear()
    if not history.is_whole:
        unknown = moved.join(folded.select(*key), on=key, how="anti", nulls_equal=True)
    return ExpectedKeys(polars.concat([unmoved, decided]).unique(), unknown, against)


def expected_in_topic(
    history: TopicHistory, source: polars.DataFrame, against: tuple[str, ...]
) -> tuple[polars.DataFrame, ExpectedKeys]:
    """Return the keys that exist after the events of the cut, and those that the source holds at the cut."""
    import polars

    key = list(history.key)
    folded = fold_presence(history.values().filter(polars.col(IN_CUT)), key)
    found = _presence(folded.filter(polars.col(PRESENT)), key)
    source_keys = _typed_as(history, source)
    unknown = source_keys.clear()
    if not history.is_whole:
        unknown = source_keys.join(folded.select(*key), on=key, how="anti", nulls_equal=True)
    return found, ExpectedKeys(source_keys, unknown, against)


def record_keys(history: TopicHistory, frame: polars.DataFrame, key: Sequence[str]) -> polars.DataFrame:
    """Return the coordinates of records as the key (topic, partition, offset) of a table that has one row a record."""
    import polars

    topic, partition, offset = key
    return frame.select(
        polars.lit(history.topic).alias(topic),
        polars.col(PARTITION).cast(polars.Int64).alias(partition),
        polars.col(OFFSET).alias(offset),
    )


def compare(
    found: polars.DataFrame, expected: ExpectedKeys, key: Sequence[str], blame: KeyBlame | None = None
) -> KeyDifference:
    """Set the keys found against those expected.

    ``found`` has one row a row of the stage. ``blame`` tells of a key that differs where it went wrong.
    """
    key = list(key)
    found_keys = found.select(*key)
    aligned = expected.keys.select(*key).cast(dict(found_keys.schema))  # type: ignore[arg-type]
    unknown = expected.unknown.select(*key).cast(dict(found_keys.schema))  # type: ignore[arg-type]
    distinct = found_keys.unique()
    missing = aligned.join(distinct, on=key, how="anti", nulls_equal=True).join(
        unknown, on=key, how="anti", nulls_equal=True
    )
    unexpected = distinct.join(aligned, on=key, how="anti", nulls_equal=True).join(
        unknown, on=key, how="anti", nulls_equal=True
    )
    ranges, single = ([], missing) if blame is None else blame.ranges(missing)
    return KeyDifference(
        rows=found_keys.height,
        distinct_keys=distinct.height,
        expected_rows=aligned.height,
        missing_total=missing.height,
        unexpected_total=unexpected.height,
        missing=_sample(single, key, blame),
        unexpected=_sample(unexpected, key, blame),
        ranges=tuple(ranges),
        unknown_keys=unknown.height,
        against=expected.against,
    )


def _sample(
    frame: polars.DataFrame, key: Sequence[str], blame: KeyBlame | None
) -> tuple[tuple[dict[str, Any], KeyPlace | None], ...]:
    first = frame.sort(key).head(KEY_SAMPLE)
    named = ({k: to_json_value(v) for k, v in row.items()} for row in first.iter_rows(named=True))
    places = [None] * first.height if blame is None or not first.height else blame.places(first)
    return tuple(zip(named, places, strict=True))
