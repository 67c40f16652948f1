"""The events of one topic as far as a session has read them. It grows when a table turns out to be further."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pipeline_checks.model.cut import Cut
from pipeline_checks.model.events import (
    APPEND_TIME,
    CHANGE_OPERATIONS,
    COMMIT_TIME,
    CONNECTOR_TIME,
    EVENT_COLUMNS,
    LSN,
    MALFORMED,
    OFFSET,
    OP,
    PARTITION,
    READ,
    SNAPSHOT,
    TRUNCATE,
    TX_ID,
)
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.stage import PinnedStage, StageDeclaration

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import polars
    import pyarrow

IN_CUT = "__in_cut"
"""bool: the event belongs to a transaction of the cut; where no source has one, it stood in the topic when pinned"""

UNTOLD = "__untold"
"""bool: a value of the event is not known and stands as NULL"""

_VALUE_OPERATIONS = (*CHANGE_OPERATIONS, TRUNCATE)


class EventReader(Protocol):
    """What a topic stage offers beyond a reader: its events between two positions."""

    def events(self, start: OffsetsPosition | None, end: OffsetsPosition) -> pyarrow.Table:
        """Return the events from ``start`` (the beginning when None) up to ``end`` (exclusive)."""
        ...

    def untold(self, columns: Collection[str]) -> set[tuple[int, int]]:
        """Return the events (partition, offset) that have a NULL in one of the columns as the value is not known."""
        ...


class TopicHistory:
    """Events of one topic, key columns and coordinates only, marked by whether they belong to the cut.

    Parameters
    ----------
    declaration:
        The topic's stage; its contract's key columns are kept.
    topic:
        The name of the topic in Kafka.
    begin:
        First offset that is still there, by partition. Above 0 the past is unknown.
    """

    def __init__(
        self,
        declaration: StageDeclaration,
        topic: str,
        reader: EventReader,
        pinned: PinnedStage,
        begin: dict[int, int],
        cut: Cut | None,
    ) -> None:
        self.declaration = declaration
        self.topic = topic
        self.begin = begin
        self.key = declaration.contract.key
        self.first_wins = getattr(declaration, "wins", "last") == "first"
        """Of several records of one key the first is its row: a fact is told again, not changed."""
        self._reader = reader
        self._cut = cut
        assert isinstance(pinned.position, OffsetsPosition)
        self.end = self._pinned_end = pinned.position
        self._moved: dict[OffsetsPosition, polars.DataFrame | None] = {}
        self.frame = self._mark(pinned.rows((*EVENT_COLUMNS, *self.key)))

    @property
    def is_whole(self) -> bool:
        """Whether no event has been removed by retention."""
        return all(offset == 0 for offset in self.begin.values())

    def extend(self, to: OffsetsPosition) -> None:
        """Read on to ``to`` where that is further than what was read."""
        parts = self.end.partitions(self.topic)
        wanted = {p: max(o, to.next_offset(self.topic, p)) for p, o in parts.items()}
        if wanted == parts:
            return
        import polars

        end = OffsetsPosition.of({self.topic: wanted})
        more = self._mark(self._reader.events(self.end, end).select([*EVENT_COLUMNS, *self.key]))
        self.frame = polars.concat([self.frame, more])
        self.end = end
        self._moved.clear()

    def rows(self, columns: Sequence[str]) -> polars.DataFrame:
        """Return all events read so far with these columns of the row, and ``UNTOLD``."""
        import polars

        wanted = list(dict.fromkeys((*EVENT_COLUMNS, *self.key, *columns)))
        frame = self._mark(self._reader.events(None, self.end).select(wanted))
        untold = sorted(self._reader.untold(columns))
        schema = {PARTITION: frame.schema[PARTITION], OFFSET: frame.schema[OFFSET]}
        places = polars.DataFrame(untold, schema=schema, orient="row").with_columns(polars.lit(True).alias(UNTOLD))
        joined = frame.join(places, on=[PARTITION, OFFSET], how="left", maintain_order="left")
        return joined.with_columns(polars.col(UNTOLD).fill_null(False))

    def _mark(self, rows: object) -> polars.DataFrame:
        import polars

        frame = polars.from_arrow(rows)
        assert isinstance(frame, polars.DataFrame)
        if self._cut is None:  # the data begins here, so the cut is where the topic ended when it was pinned
            ends = self._pinned_end.partitions(self.topic)
            inside = (
                (polars.col(PARTITION) == partition) & (polars.col(OFFSET) < end) for partition, end in ends.items()
            )
            return frame.with_columns(polars.any_horizontal(polars.lit(False), *inside).alias(IN_CUT))
        ids = frame.get_column(TX_ID).drop_nulls().unique().to_list()
        visible = [i for i in ids if self._cut.contains(i)]
        return frame.with_columns(
            polars.col(TX_ID)
            .is_in(polars.Series(visible, dtype=frame.schema[TX_ID]).implode())
            .fill_null(False)
            .alias(IN_CUT)
        )

    def values(self) -> polars.DataFrame:
        """Events about rows: created, updated, deleted, read by a snapshot, truncated."""
        import polars

        return self.frame.filter(polars.col(OP).is_in(_VALUE_OPERATIONS))

    def malformed(self) -> polars.DataFrame:
        """Records that could not be understood."""
        import polars

        return self.frame.filter(polars.col(OP) == MALFORMED)

    def snapshot_after_cut(self) -> bool:
        """Whether a key's first event was read by a connector's snapshot that the cut does not see.

        The rows of such a snapshot cannot be told to lie inside or outside of the cut; the cut is taken again.
        """
        import polars

        first = self.values()
        if self.key:  # without one every event may be the first of its row
            first = first.sort(PARTITION, OFFSET).group_by(list(self.key), maintain_order=True).first()
        return first.filter((polars.col(OP) == READ) & ~polars.col(IN_CUT)).height > 0

    def below(self, frame: polars.DataFrame, covers: OffsetsPosition) -> polars.DataFrame:
        """Return those events of ``frame`` that lie before ``covers``."""
        import polars

        parts = covers.partitions(self.topic)
        limits = polars.DataFrame(
            {PARTITION: list(parts), "__limit": list(parts.values())},
            schema={PARTITION: frame.schema[PARTITION], "__limit": polars.Int64},
        )
        return (
            frame.join(limits, on=PARTITION, how="left")
            .filter(polars.col(OFFSET) < polars.col("__limit").fill_null(0))
            .drop("__limit")
        )

    def moved(self, covers: OffsetsPosition) -> polars.DataFrame | None:
        """Return the keys with an event on different sides of the cut and of a table's position, each once.

        None stands for all keys: a truncate between cut and position touches every one.
        """
        if covers not in self._moved:
            self._moved[covers] = self._moved_keys(covers)
        return self._moved[covers]

    def _moved_keys(self, covers: OffsetsPosition) -> polars.DataFrame | None:
        import polars

        key, coordinates = list(self.key), [PARTITION, OFFSET]
        events = self.values()
        applied = self.below(events, covers)
        after_cut = applied.filter(~polars.col(IN_CUT))
        in_cut = events.filter(polars.col(IN_CUT))
        not_applied = in_cut.join(applied.select(coordinates), on=coordinates, how="anti")
        between = polars.concat([after_cut, not_applied])
        if not key:
            return None if between.height else between.select(*key)
        if between.filter(polars.any_horizontal(polars.col(k).is_null() for k in key)).height:
            return None
        return between.select(*key).unique()

    def required(self, frame: polars.DataFrame) -> OffsetsPosition:
        """Return the next offsets that must be covered so that all events of ``frame`` are."""
        import polars

        last = frame.group_by(PARTITION).agg(polars.col(OFFSET).max())
        return OffsetsPosition.of({self.topic: {p: o + 1 for p, o in last.select(PARTITION, OFFSET).iter_rows()}})


__all__ = ["APPEND_TIME", "COMMIT_TIME", "CONNECTOR_TIME", "IN_CUT", "LSN", "SNAPSHOT", "EventReader", "TopicHistory"]
