"""The keys of a stage against those it must hold at the cut, each difference blamed on the first stage that has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline_checks.model.errors import TransientError
from pipeline_checks.model.kinds import SERVED_KINDS, SOURCE_KINDS, TOPIC_KINDS
from pipeline_checks.model.measure import KeyDifference
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.stage import PinnedStage, StageDeclaration
from pipeline_checks.verification import keys
from pipeline_checks.verification.coverage import owed_events
from pipeline_checks.verification.fed_topic import ledger_of
from pipeline_checks.verification.history import TopicHistory
from pipeline_checks.verification.key_blame import KeyBlame
from pipeline_checks.verification.load_comparison import LoadComparisons
from pipeline_checks.verification.loaded_topic import loaded_keys, origin_of
from pipeline_checks.verification.narrowing import BucketSource, Narrower
from pipeline_checks.verification.pinning import Pinner, keys_of, read_keys
from pipeline_checks.verification.row_forms import forms_between, lacking
from pipeline_checks.verification.settled import Settled

if TYPE_CHECKING:
    import polars


class KeyComparer:
    """Compares keys for one session."""

    def __init__(self, pipeline: Pipeline, pinner: Pinner, narrower: Narrower, loads: LoadComparisons) -> None:
        self._pipeline = pipeline
        self._narrower = narrower
        self._loads = loads
        self._pinner = pinner

    def difference(self, settled: Settled) -> KeyDifference:
        """Return which keys are missing from the stage and which should not be there.

        Raises TransientError when what it is made from could not be read.
        """
        declaration, pinned = settled.declaration, settled.pinned
        assert pinned is not None
        key = declaration.contract.key
        if (copy := self._pinner.copy_of(declaration)) is not None:
            return copy.keys()
        if (loaded := self._loads.of(settled)) is not None:
            return loaded.keys()
        if not declaration.from_:  # there is nothing before it that could tell what it must hold
            is_source = declaration.kind in SOURCE_KINDS
            found = self._pinner.source_keys(declaration) if is_source else read_keys(pinned, key)
            return keys.compare(found, keys.ExpectedKeys(found.unique(), found.clear(), ()), key)
        if declaration.kind in TOPIC_KINDS:
            return self._topic_difference(declaration)
        if declaration.kind in SERVED_KINDS:
            table = self._pipeline.upstream(declaration)[0]
            held = read_keys(self._pinned(table), table.contract.key).unique()
            return keys.compare(read_keys(pinned, key), keys.ExpectedKeys(held, held.clear(), (table.name,)), key)
        topics = self._pinner.topics_of(declaration)
        if not topics:
            raise TransientError(f"what {declaration.name} must hold is not known: it is not made from a topic")
        covers = settled.covers or OffsetsPosition.of({})
        if declaration.row_meaning == "current":
            return self._table_difference(settled, topics[0], covers)
        histories = [self._pinner.history(t.name) for t in topics]
        return _record_difference(read_keys(pinned, key), declaration, histories, covers)

    def _topic_difference(self, topic: StageDeclaration) -> KeyDifference:
        if (fed := self._pinner.fed_topic(topic)) is not None:
            return fed.keys()
        if ledger_of(self._pipeline, topic) is not None:  # one that tells nothing: the topic is compared with itself
            found = keys_of(self._pinner.history(topic.name).values().to_arrow(), topic.contract.key).unique()
            return keys.compare(found, keys.ExpectedKeys(found, found.clear(), ()), topic.contract.key)
        history = self._pinner.history(topic.name)
        if (origin := origin_of(self._pipeline, topic)) is not None:
            return loaded_keys(history, self._pinner.settled(origin))
        source = self._pinner.source_of(topic)
        if source is None:
            raise TransientError(f"{topic.name} has no source to compare its keys with")
        found, expected = keys.expected_in_topic(history, self._pinner.source_keys(source), (source.name,))
        return keys.compare(found, expected, topic.contract.key)

    def _table_difference(self, settled: Settled, topic: StageDeclaration, covers: OffsetsPosition) -> KeyDifference:
        table = settled.declaration
        history = self._pinner.history(topic.name)
        source = self._pinner.source_of(table)
        if source is None or self._pinner.settled(topic).coverage.covers_cut is not True:
            found = read_keys(self._pinned(table), table.contract.key)
            expected = _with_expired(keys.expected_in_table(history, None, covers, (topic.name,)), found, history)
            blame = KeyBlame(table.contract.key, history, covers, None)
            return keys.compare(found, expected, table.contract.key, blame)
        found, rows, proved = self._both_keys(settled, source, topic, history, covers)
        expected = keys.expected_in_table(history, rows, covers, (source.name, topic.name))
        blame = KeyBlame(table.contract.key, history, covers, rows)
        difference = keys.compare(found, expected, table.contract.key, blame)
        return replace(
            difference,
            rows=difference.rows + proved,
            distinct_keys=difference.distinct_keys + proved,
            expected_rows=difference.expected_rows + proved,
        )

    def _both_keys(
        self,
        table: Settled,
        source: StageDeclaration,
        topic: StageDeclaration,
        history: TopicHistory,
        covers: OffsetsPosition,
    ) -> tuple[polars.DataFrame, polars.DataFrame, int]:
        """Return the keys of a table and its source that have to be looked at, and how many others are the same."""
        moved = history.moved(covers)
        pinned, origin = self._pinned(table.declaration), self._pinned(source)
        key, source_key = table.declaration.contract.key, source.contract.key
        if moved is not None and not topic.columns and isinstance(origin, BucketSource):
            absent, above = lacking(table.declaration, pinned), lacking(source, origin)
            forms = forms_between(table.declaration, topic, [source.contract], absent=absent, absent_above=above)
            narrowed = self._narrower.of(self._pinner.settled(source), table, forms, moved)
            if narrowed is not None:
                found = keys_of(narrowed.of_table(pinned, key), key)
                return found, keys_of(narrowed.of_source(origin, source_key), source_key), narrowed.rows
        return read_keys(pinned, key), self._pinner.source_keys(source), 0

    def _pinned(self, stage: StageDeclaration) -> PinnedStage:
        return self._pinner.settled(stage).readable()


def _with_expired(expected: keys.ExpectedKeys, found: polars.DataFrame, history: TopicHistory) -> keys.ExpectedKeys:
    """Return what a table must hold with the keys about which the topic tells nothing, as their records are gone."""
    if history.is_whole:
        return expected
    key = list(history.key)
    told = history.values().select(key).unique()
    held = found.rename(dict(zip(found.columns, key, strict=True))).unique().cast(dict(told.schema))  # type: ignore[arg-type]
    unknown = held.join(told, on=key, how="anti", nulls_equal=True)
    return replace(expected, unknown=unknown)


def _record_difference(
    found: polars.DataFrame, table: StageDeclaration, histories: Sequence[TopicHistory], covers: OffsetsPosition
) -> KeyDifference:
    """Compare a table that has one row a record: each record below what it covers, and no other."""
    import polars as pl

    key, owed = table.contract.key, []
    for history in histories:
        frame = owed_events(history, "dead_letters") if table.row_meaning == "dead_letters" else history.values()
        owed.append(keys.record_keys(history, history.below(frame, covers), key))
        found = _retained(found, history, key)
    everything = pl.concat(owed)
    expected = keys.ExpectedKeys(everything, everything.clear(), tuple(h.declaration.name for h in histories))
    return keys.compare(found, expected, key)


def _retained(found: polars.DataFrame, history: TopicHistory, key: tuple[str, ...]) -> polars.DataFrame:
    """Leave out rows whose record the topic no longer has: nothing can be said of them."""
    import polars as pl

    topic, partition, offset = key
    gone = pl.lit(False)
    for number, begin in history.begin.items():
        gone = gone | ((pl.col(topic) == history.topic) & (pl.col(partition) == number) & (pl.col(offset) < begin))
    return found.filter(~gone)
