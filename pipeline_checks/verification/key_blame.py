"""Where a key went missing from a table, or came to stand in it that should not: by the events of its topic."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from pipeline_checks.model.events import OFFSET, PARTITION
from pipeline_checks.model.measure import KEY_SAMPLE, KeyPlace, KeyRange
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.values.json_values import to_json_value
from pipeline_checks.verification.fold import PRESENT, fold_presence
from pipeline_checks.verification.history import IN_CUT, TopicHistory

if TYPE_CHECKING:
    import polars

LEAST_KEYS_OF_A_RANGE = 20
"""From how many keys on, lost in one stretch of a partition, one finding tells them all."""

_RUN = "__run"


class KeyBlame:
    """Tells of keys by the fold of their topic below what a table covers.

    Parameters
    ----------
    key:
        The key columns as the table calls them, in the order of the topic's.
    source:
        The keys that the source holds at the cut; None when the topic has not passed the cut.
    """

    def __init__(
        self, key: Sequence[str], history: TopicHistory, covers: OffsetsPosition, source: polars.DataFrame | None
    ) -> None:
        self._key = list(key)
        self._history, self._covers, self._source = history, covers, source
        self._topic, self._stage = history.topic, history.declaration.name

    @cached_property
    def _folded(self) -> polars.DataFrame:
        """Each key of the topic with its last event below what the table covers."""
        return self._presence(self._history.below(self._history.values(), self._covers))

    @cached_property
    def _wrong_before(self) -> tuple[polars.DataFrame, polars.DataFrame]:
        """The keys that the topic has lost already at the cut, and those that it has too many."""
        import polars as pl

        if self._source is None:
            none = self._folded.select(self._key).clear()
            return none, none
        at_cut = self._presence(self._history.values().filter(pl.col(IN_CUT)))
        told = at_cut.filter(pl.col(PRESENT)).select(self._key)
        held = self._source.select(*self._history.key).rename(self._named).cast(dict(told.schema))  # type: ignore[arg-type]
        lost = held.join(told, on=self._key, how="anti", nulls_equal=True)
        if not self._history.is_whole:  # of a key without an event the topic may have lost all of them to retention
            lost = lost.join(at_cut, on=self._key, how="semi", nulls_equal=True)
        return lost, told.join(held, on=self._key, how="anti", nulls_equal=True)

    @property
    def _named(self) -> dict[str, str]:
        return dict(zip(self._history.key, self._key, strict=True))

    def _presence(self, events: polars.DataFrame) -> polars.DataFrame:
        history = self._history
        return fold_presence(events, list(history.key), first_wins=history.first_wins).rename(self._named)

    def places(self, wrong: polars.DataFrame) -> list[KeyPlace]:
        """Return the place of each of some keys, which are in the types of the table."""
        import polars as pl

        keys = wrong.select(self._key).cast(dict(self._folded.select(self._key).schema))  # type: ignore[arg-type]
        wrong_before = pl.concat(self._wrong_before).unique()
        before = wrong_before.with_columns(pl.lit(True).alias("__before"))
        joined = keys.join(self._folded, on=self._key, how="left", nulls_equal=True, maintain_order="left").join(
            before, on=self._key, how="left", nulls_equal=True, maintain_order="left"
        )
        return [
            KeyPlace(
                stage=self._stage if row["__before"] else None,
                event_stage=None if row[OFFSET] is None else self._stage,
                event=None if row[OFFSET] is None else OffsetsPosition.of({self._topic: {row[PARTITION]: row[OFFSET]}}),
                is_deleted=row[PRESENT] is False,
            )
            for row in joined.iter_rows(named=True)
        ]

    def ranges(self, missing: polars.DataFrame) -> tuple[list[KeyRange], polars.DataFrame]:
        """Return the stretches of partitions of which every key is missing, and the missing keys outside of them."""
        import polars as pl

        if missing.height < LEAST_KEYS_OF_A_RANGE:
            return [], missing
        keys = missing.select(self._key).cast(dict(self._folded.select(self._key).schema))  # type: ignore[arg-type]
        lost = keys.join(self._wrong_before[0], on=self._key, how="anti", nulls_equal=True)
        marked = (
            self._folded.filter(pl.col(PRESENT))
            .join(lost.with_columns(pl.lit(True).alias("__lost")), on=self._key, how="left", nulls_equal=True)
            .with_columns(pl.col("__lost").fill_null(False))
            .sort(PARTITION, OFFSET)
            .with_columns(pl.struct(PARTITION, "__lost").rle_id().alias(_RUN))
            .filter(pl.col("__lost"))
        )
        stretches = [run for run in marked.partition_by(_RUN) if run.height >= LEAST_KEYS_OF_A_RANGE]
        if not stretches:
            return [], missing
        told = pl.concat(stretches).select(self._key).cast(dict(missing.select(self._key).schema))  # type: ignore[arg-type]
        return [self._range(run) for run in stretches], missing.join(told, on=self._key, how="anti", nulls_equal=True)

    def _range(self, run: polars.DataFrame) -> KeyRange:
        sample = run.select(self._key).head(KEY_SAMPLE).iter_rows(named=True)
        return KeyRange(
            stage=self._stage,
            topic=self._topic,
            partition=run.item(0, PARTITION),
            first=run.item(0, OFFSET),
            last=run.item(-1, OFFSET),
            keys=run.height,
            sample=tuple({k: to_json_value(v) for k, v in row.items()} for row in sample),
        )
