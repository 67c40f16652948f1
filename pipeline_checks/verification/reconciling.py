"""The values of a stage's rows, set against those of the stages before it at the cut."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pipeline_checks.engines.row_hashes import HASH, RowForm, differing_keys
from pipeline_checks.model.contract import Column
from pipeline_checks.model.errors import TransientError
from pipeline_checks.model.events import (
    CHANGE_OPERATIONS,
    DELETE,
    EVENT_TYPES,
    OFFSET,
    OP,
    PARTITION,
    ROW_OPERATIONS,
    TRUNCATE,
)
from pipeline_checks.model.kinds import SERVED_KINDS, TOPIC_KINDS
from pipeline_checks.model.links import is_linked
from pipeline_checks.model.measure import KEY_SAMPLE, RowDifference
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.verification.fed_topic import ledger_of
from pipeline_checks.verification.fold import PRESENT, fold_rows
from pipeline_checks.verification.history import IN_CUT, UNTOLD, TopicHistory
from pipeline_checks.verification.link_values import copied_values
from pipeline_checks.verification.load_comparison import LoadComparisons
from pipeline_checks.verification.loaded_topic import loaded_rows, origin_of
from pipeline_checks.verification.narrowing import BucketSource, Narrower
from pipeline_checks.verification.pinning import Pinner
from pipeline_checks.verification.row_comparison import compare_sides, with_files
from pipeline_checks.verification.row_forms import Forms, forms_between, lacking
from pipeline_checks.verification.row_sides import Side
from pipeline_checks.verification.settled import Settled

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars


class Reconciler:
    """Compares rows for one session. What several comparisons need is read and hashed once."""

    def __init__(self, pipeline: Pipeline, pinner: Pinner, narrower: Narrower, loads: LoadComparisons) -> None:
        self._pipeline = pipeline
        self._pinner = pinner
        self._narrower = narrower
        self._loads = loads
        self._sides: dict[tuple[str, RowForm], Side] = {}

    def difference(self, settled: Settled) -> RowDifference:
        """Return in which rows the stage differs from what it must hold.

        Raises TransientError when what it is made from could not be read or is not comparable row by row.
        """
        stage = settled.declaration
        if (copy := self._pinner.copy_of(stage)) is not None:
            return copy.rows()
        if (loaded := self._loads.of(settled)) is not None:
            return loaded.rows()
        if stage.kind in TOPIC_KINDS:
            return self._topic_difference(settled)
        if stage.kind in SERVED_KINDS:
            return self._served_difference(settled)
        topics = self._pinner.topics_of(stage)
        if len(topics) != 1:
            raise TransientError(f"the rows of {stage.name} cannot be compared: it is not made from one topic")
        if stage.row_meaning == "changes":
            return self._log_difference(settled, topics[0])
        return self._table_difference(settled, topics[0])

    def _topic_difference(self, settled: Settled) -> RowDifference:
        import polars as pl

        topic = settled.declaration
        if (fed := self._pinner.fed_topic(topic)) is not None:
            return fed.rows()
        if ledger_of(self._pipeline, topic) is not None:
            return RowDifference(self._pinner.history(topic.name).values().height, (), 0)
        if is_linked(topic):
            return copied_values(self._pipeline, self._pinner, settled)
        if (origin := origin_of(self._pipeline, topic)) is not None:
            return loaded_rows(self._pinner.history(topic.name), settled, self._pinner.settled(origin))
        source = self._pinner.source_of(topic)
        if source is None:
            raise TransientError(f"{topic.name} has no source to compare its rows with")
        forms = forms_between(topic, source, absent_above=self._lacking(source))
        history = self._pinner.history(topic.name)
        found = self._folded(history, forms.own, history.rows(forms.own.reads).filter(pl.col(IN_CUT)))
        expected = self._source(source, forms.above)
        return compare_sides(forms, found, expected, [expected])

    def _table_difference(self, settled: Settled, topic: StageDeclaration) -> RowDifference:
        import polars as pl

        stage = settled.declaration
        history = self._pinner.history(topic.name)
        source = self._pinner.source_of(topic)
        passed = self._pinner.settled(topic).coverage.covers_cut is True and source is not None and not topic.columns
        forms = forms_between(
            stage,
            topic,
            [source.contract] if source is not None and passed else [],
            absent=self._lacking(stage),
            absent_above=self._lacking(source) if source is not None and passed else (),
        )
        form = forms.above
        covers = settled.covers or OffsetsPosition.of({})
        events = history.rows(form.reads)
        applied = history.below(events, covers)
        folded = self._folded(history, form, applied)
        if source is None or not passed:
            return compare_sides(forms, self._pinned_side(settled, forms.own), folded, [folded], earlier=applied)
        moved = history.moved(covers)
        found, held, proved = self._both_sides(settled, self._pinner.settled(source), forms, moved)
        names = [c.name for c in form.key]
        expected = folded.hashes
        if moved is not None:
            changed = form.keyed(moved.cast({k: events.schema[k] for k in history.key}))
            expected = pl.concat(
                [
                    held.hashes.join(changed, on=names, how="anti", nulls_equal=True),
                    folded.hashes.join(changed, on=names, how="semi", nulls_equal=True),
                ]
            )
        at_cut = self._folded(history, form, events.filter(pl.col(IN_CUT)))
        wrong_before = differing_keys(at_cut.hashes, held.hashes, names)
        by_fold = folded.hashes.join(expected, on=[*names, HASH], how="semi", nulls_equal=True).select(names)
        difference = compare_sides(
            forms,
            found,
            replace(folded, hashes=expected),
            [held, folded],
            earlier=applied,
            wrong_before=wrong_before,
            by_fold=by_fold,
        )
        return with_files(replace(difference, rows=difference.rows + proved), settled, forms)

    def _both_sides(
        self, table: Settled, source: Settled, forms: Forms, moved: polars.DataFrame | None
    ) -> tuple[Side, Side, int]:
        """Return the rows of a table and of its source that have to be looked at, and how many others are equal."""
        narrowed = None if moved is None else self._narrower.of(source, table, forms, moved)
        if narrowed is None or table.pinned is None or not isinstance(source.pinned, BucketSource):
            return self._pinned_side(table, forms.own), self._pinned_side(source, forms.above), 0
        pinned, origin, position = table.pinned, source.pinned, source.pinned.position

        def of_table() -> Any:
            return narrowed.of_table(pinned, forms.own.reads)

        def of_source() -> Any:
            return narrowed.of_source(origin, forms.above.reads)

        found = Side.read(table.declaration.name, forms.own, of_table, pinned.position)
        held = Side.read(source.declaration.name, forms.above, of_source, position)
        return found, held, narrowed.rows

    def _log_difference(self, settled: Settled, topic: StageDeclaration) -> RowDifference:
        import polars as pl

        stage = settled.declaration
        history = self._pinner.history(topic.name)
        name, partition, offset = stage.contract.key
        records = {name: pl.lit(history.topic), partition: pl.col(PARTITION).cast(pl.Int64), offset: pl.col(OFFSET)}
        told = {name: Column.model_validate(type_) for name, type_ in EVENT_TYPES.items()}
        columns = {**topic.contract.columns, **{k: stage.contract.columns[k] for k in records}, **told}
        as_log = topic.model_copy(update={"contract": topic.contract.model_copy(update={"columns": columns})})
        beside = _beside_contract(settled)
        forms = forms_between(stage, as_log, absent=self._lacking(stage), beside=beside)
        reads = [c for c in forms.above.reads if c not in records and c not in told]
        events = history.below(history.rows(reads), settled.covers or OffsetsPosition.of({})).with_columns(**records)
        held = events.filter(pl.col(OP).is_in(ROW_OPERATIONS) & ~pl.col(UNTOLD))
        expected = self._events_side(topic.name, history, forms.above, held)
        found = self._pinned_side(settled, forms.own)
        difference = compare_sides(forms, found, expected, [expected])
        untold = events.filter(pl.col(UNTOLD)).height
        gone = events.filter(pl.col(OP) == DELETE)
        if not gone.height:
            return replace(difference, unknown_rows=untold)
        # Of a deleted row the connector tells the key and what it tells of every event.
        keys_only = _narrowed(forms, {*records, *beside, *(n for n, s in _sources(forms) if s in topic.contract.key)})
        deletes = compare_sides(
            keys_only,
            self._pinned_side(settled, keys_only.own),
            deleted := self._events_side(topic.name, history, keys_only.above, gone),
            [deleted],
        )
        return replace(
            difference,
            rows=difference.rows + deletes.rows,
            changed_total=difference.changed_total + deletes.changed_total,
            changed=(*difference.changed, *deletes.changed)[:KEY_SAMPLE],
            unknown_rows=untold,
        )

    def _served_difference(self, settled: Settled) -> RowDifference:
        table = self._pipeline.upstream(settled.declaration)[0]
        forms = forms_between(settled.declaration, table, absent_above=self._lacking(table))
        above = self._pinned_side(self._pinner.settled(table), forms.above)
        return compare_sides(forms, self._pinned_side(settled, forms.own), above, [above])

    def _pinned_side(self, settled: Settled, form: RowForm) -> Side:
        known = (settled.declaration.name, form)
        if known not in self._sides:
            self._sides[known] = Side.of(settled.declaration.name, settled.readable(), form)
        return self._sides[known]

    def _lacking(self, stage: StageDeclaration) -> frozenset[str]:
        return lacking(stage, self._pinner.settled(stage).readable())

    def _source(self, source: StageDeclaration, form: RowForm) -> Side:
        return self._pinned_side(self._pinner.settled(source), form)

    def _folded(self, history: TopicHistory, form: RowForm, events: polars.DataFrame) -> Side:
        """Return the rows that exist after the events; those of which a value is not known are left out."""
        import polars as pl

        about_rows = events.filter(pl.col(OP).is_in([*CHANGE_OPERATIONS, TRUNCATE]))
        rows = fold_rows(about_rows, list(history.key), first_wins=history.first_wins).filter(
            pl.col(PRESENT) & ~pl.col(UNTOLD)
        )
        return self._events_side(history.declaration.name, history, form, rows)

    def _events_side(self, stage: str, history: TopicHistory, form: RowForm, rows: polars.DataFrame) -> Side:
        places = form.keyed(rows).hstack(rows.select(PARTITION, OFFSET))
        table = rows.to_arrow()
        return Side(stage, form, form.hashed(table), lambda: table, None, places, history.topic)


def _beside_contract(settled: Settled) -> dict[str, Column]:
    """The columns beside the contract of which ``columns`` tells where they come from, in the types that they have."""
    stage = settled.declaration
    names = stage.columns.keys() - stage.contract.columns.keys() - set(stage.ignore)
    found = {name: settled.readable().schema().field(name) for name in names}
    return {name: Column(type=field.type) for name, field in found.items() if field is not None}


def _sources(forms: Forms) -> Iterable[tuple[str, str]]:
    return ((c.name, c.source) for c in forms.above.columns)


def _narrowed(forms: Forms, names: set[str]) -> Forms:
    def form(whole: RowForm) -> RowForm:
        columns = tuple(c for c in whole.columns if c.name in names)
        if any(c.is_expression for c in columns):
            return RowForm(whole.key, columns, whole.reads)
        return RowForm(whole.key, columns, tuple(dict.fromkeys(c.source for c in columns)))

    return Forms(form(forms.own), form(forms.above), {})
