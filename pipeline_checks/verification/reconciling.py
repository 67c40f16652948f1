"""The values of a stage's rows, set against those of the stages before it at the cut."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from pipeline_checks.engines.row_hashes import HASH, RowForm, differing_keys
from pipeline_checks.model.errors import TransientError
from pipeline_checks.model.events import CHANGE_OPERATIONS, DELETE, OFFSET, OP, PARTITION, ROW_OPERATIONS, TRUNCATE
from pipeline_checks.model.measure import KEY_SAMPLE, ChangedRow, RowDifference, Step
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.position import OffsetsPosition, Position
from pipeline_checks.model.stage import PinnedStage, StageDeclaration
from pipeline_checks.values.canonical import presented
from pipeline_checks.values.json_values import to_json_value
from pipeline_checks.verification.fold import PRESENT, fold_rows
from pipeline_checks.verification.history import IN_CUT, UNTOLD, TopicHistory
from pipeline_checks.verification.keys import moved_keys
from pipeline_checks.verification.narrowing import BucketSource, Narrower
from pipeline_checks.verification.pinning import SERVED_KINDS, TOPIC_KINDS, Pinner
from pipeline_checks.verification.row_forms import Forms, forms_between
from pipeline_checks.verification.settled import Settled

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import polars


@dataclass(frozen=True)
class Side:
    """Rows that a stage must agree with: their hashes, and where their values are read when one differs.

    ``place`` gives the position of a row by its key as text; without it all rows stand at ``position``.
    """

    stage: str
    form: RowForm
    hashes: polars.DataFrame
    rows: Any
    position: Position | None
    places: polars.DataFrame | None = None
    topic: str = ""

    def values(self, keys: polars.DataFrame) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
        """Return the rows of some keys, by key."""
        return _by_key(self.form.valued(self.rows(), keys), [c.name for c in self.form.key])

    def position_of(self, key: tuple[Any, ...]) -> Position | None:
        """Return where the row of a key stands."""
        import polars as pl

        if self.places is None:
            return self.position
        names = [c.name for c in self.form.key]
        matching = [pl.col(n).eq_missing(pl.lit(v)) for n, v in zip(names, key, strict=True)]
        found = self.places.filter(pl.all_horizontal(matching))
        if not found.height:
            return None
        return OffsetsPosition.of({self.topic: {found.item(0, PARTITION): found.item(0, OFFSET)}})


class Reconciler:
    """Compares rows for one session. What several comparisons need is read and hashed once."""

    def __init__(self, pipeline: Pipeline, pinner: Pinner, narrower: Narrower) -> None:
        self._pipeline = pipeline
        self._pinner = pinner
        self._narrower = narrower
        self._hashed: dict[tuple[str, RowForm], polars.DataFrame] = {}

    def difference(self, settled: Settled) -> RowDifference:
        """Return in which rows the stage differs from what it must hold.

        Raises TransientError when what it is made from could not be read or is not comparable row by row.
        """
        stage = settled.declaration
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
        source = self._pinner.source_of(topic)
        if source is None:
            raise TransientError(f"{topic.name} has no source to compare its rows with")
        forms = forms_between(topic, source)
        history = self._pinner.history(topic.name)
        found = self._folded(history, forms.own, history.rows(forms.own.reads).filter(pl.col(IN_CUT)))
        expected = self._source(source, forms.above)
        return self._compare(forms, found, expected, [expected])

    def _table_difference(self, settled: Settled, topic: StageDeclaration) -> RowDifference:
        import polars as pl

        stage = settled.declaration
        history = self._pinner.history(topic.name)
        source = self._pinner.source_of(topic)
        passed = self._pinner.settled(topic).coverage.covers_cut is True and source is not None and not topic.columns
        forms = forms_between(stage, topic, [source.contract] if source is not None and passed else [])
        form = forms.above
        covers = settled.covers or OffsetsPosition.of({})
        events = history.rows(form.reads)
        applied = history.below(events, covers)
        folded = self._folded(history, form, applied)
        if source is None or not passed:
            return self._compare(forms, self._pinned_side(settled, forms.own), folded, [folded], earlier=applied)
        moved = moved_keys(history, covers)
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
        difference = self._compare(
            forms,
            found,
            Side(folded.stage, form, expected, None, None),
            [held, folded],
            earlier=applied,
            wrong_before=wrong_before,
            by_fold=by_fold,
        )
        return _with_files(replace(difference, rows=difference.rows + proved), settled, forms)

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

        found = Side(table.declaration.name, forms.own, forms.own.hashed(of_table()), of_table, pinned.position)
        held = Side(source.declaration.name, forms.above, forms.above.hashed(of_source()), of_source, position)
        return found, held, narrowed.rows

    def _log_difference(self, settled: Settled, topic: StageDeclaration) -> RowDifference:
        import polars as pl

        stage = settled.declaration
        history = self._pinner.history(topic.name)
        name, partition, offset = stage.contract.key
        records = {name: pl.lit(history.topic), partition: pl.col(PARTITION).cast(pl.Int64), offset: pl.col(OFFSET)}
        as_log = topic.model_copy(
            update={
                "contract": topic.contract.model_copy(
                    update={
                        "columns": {**topic.contract.columns, **{k: stage.contract.columns[k] for k in records}},
                    }
                )
            }
        )
        forms = forms_between(stage, as_log)
        reads = [c for c in forms.above.reads if c not in records]
        events = history.below(history.rows(reads), settled.covers or OffsetsPosition.of({})).with_columns(**records)
        held = events.filter(pl.col(OP).is_in(ROW_OPERATIONS) & ~pl.col(UNTOLD))
        expected = self._events_side(topic.name, history, forms.above, held)
        found = self._pinned_side(settled, forms.own)
        difference = self._compare(forms, found, expected, [expected])
        untold = events.filter(pl.col(UNTOLD)).height
        gone = events.filter(pl.col(OP) == DELETE)
        if not gone.height:
            return _with(difference, unknown_rows=untold)
        # Of a deleted row the connector tells the key and no more.
        keys_only = _narrowed(forms, {*records, *(n for n, s in _sources(forms) if s in topic.contract.key)})
        deletes = self._compare(
            keys_only,
            self._pinned_side(settled, keys_only.own),
            deleted := self._events_side(topic.name, history, keys_only.above, gone),
            [deleted],
        )
        return _with(
            difference,
            rows=difference.rows + deletes.rows,
            changed_total=difference.changed_total + deletes.changed_total,
            changed=(*difference.changed, *deletes.changed)[:KEY_SAMPLE],
            unknown_rows=untold,
        )

    def _served_difference(self, settled: Settled) -> RowDifference:
        table = self._pipeline.upstream(settled.declaration)[0]
        forms = forms_between(settled.declaration, table)
        above = self._pinned_side(self._pinner.settled(table), forms.above)
        return self._compare(forms, self._pinned_side(settled, forms.own), above, [above])

    def _pinned_side(self, settled: Settled, form: RowForm) -> Side:
        pinned = settled.pinned
        if pinned is None:
            raise settled.problem or TransientError(f"{settled.declaration.name} could not be read")
        return self._side(settled.declaration, pinned, form)

    def _source(self, source: StageDeclaration, form: RowForm) -> Side:
        return self._pinned_side(self._pinner.settled(source), form)

    def _side(self, stage: StageDeclaration, pinned: PinnedStage, form: RowForm) -> Side:
        known = (stage.name, form)
        if known not in self._hashed:
            self._hashed[known] = form.hashed(pinned.rows(form.reads))
        return Side(stage.name, form, self._hashed[known], lambda: pinned.rows(form.reads), pinned.position)

    def _folded(self, history: TopicHistory, form: RowForm, events: polars.DataFrame) -> Side:
        """Return the rows that exist after the events; those of which a value is not known are left out."""
        import polars as pl

        about_rows = events.filter(pl.col(OP).is_in([*CHANGE_OPERATIONS, TRUNCATE]))
        rows = fold_rows(about_rows, list(history.key)).filter(pl.col(PRESENT) & ~pl.col(UNTOLD))
        return self._events_side(history.declaration.name, history, form, rows)

    def _events_side(self, stage: str, history: TopicHistory, form: RowForm, rows: polars.DataFrame) -> Side:
        places = form.keyed(rows).hstack(rows.select(PARTITION, OFFSET))
        table = rows.to_arrow()
        return Side(stage, form, form.hashed(table), lambda: table, None, places, history.topic)

    def _compare(
        self,
        forms: Forms,
        found: Side,
        expected: Side,
        path: list[Side],
        *,
        earlier: polars.DataFrame | None = None,
        wrong_before: polars.DataFrame | None = None,
        by_fold: polars.DataFrame | None = None,
    ) -> RowDifference:
        """Set the rows found against those expected.

        ``path`` are the sides that the rows passed, first to last; the expected values are those of the last side that
        holds the key with the expected hash. ``earlier`` are the events in which an earlier state of a row is looked
        for. ``wrong_before`` are keys that went wrong at the last side of the path already. ``by_fold`` are keys whose
        expectation is the last side's; the others' is the first side's.
        """
        names = [c.name for c in forms.own.key]
        differing = differing_keys(found.hashes, expected.hashes, names)
        both = found.hashes.join(expected.hashes, on=names, how="semi", nulls_equal=True).height
        sample = differing.sort(names).head(KEY_SAMPLE)
        changed: list[ChangedRow] = []
        if sample.height:
            rows = found.values(sample)
            passed = [(side, side.values(sample)) for side in path]
            wrong = _keys(wrong_before, names)
            folded = _keys(by_fold, names)
            stale = self._stale(found, expected, path[-1], earlier, sample)
            for key in _ordered(sample, names):
                decided = path[-1] if len(path) == 1 or key in folded else path[0]
                wanted = next(values for side, values in passed if side is decided).get(key, [{}])[0]
                changed += _changed(key, names, rows.get(key, []), wanted, found, passed, wrong, key in stale)
        return RowDifference(
            rows=both,
            columns=forms.columns,
            changed_total=differing.height,
            changed=tuple(changed[:KEY_SAMPLE]),
            skipped=forms.skipped,
            against=tuple(side.stage for side in path),
        )

    def _stale(
        self, found: Side, expected: Side, topic: Side, earlier: polars.DataFrame | None, sample: polars.DataFrame
    ) -> set[tuple[Any, ...]]:
        """Return the keys whose row is that of an earlier event, and not that of the newest one."""
        import polars as pl

        if earlier is None:
            return set()
        form = topic.form
        names = [c.name for c in form.key]
        rows = earlier.filter(pl.col(OP).is_in(ROW_OPERATIONS) & ~pl.col(UNTOLD))
        former = form.hashed(rows.to_arrow())
        seen = found.hashes.join(sample, on=names, how="semi", nulls_equal=True)
        seen = seen.join(topic.hashes, on=[*names, HASH], how="anti", nulls_equal=True)
        return _keys(seen.join(former, on=[*names, HASH], how="semi", nulls_equal=True), names)


def _changed(
    key: tuple[Any, ...],
    names: list[str],
    rows: Iterable[dict[str, Any]],
    wanted: dict[str, Any],
    found: Side,
    passed: list[tuple[Side, dict[tuple[Any, ...], list[dict[str, Any]]]]],
    wrong: set[tuple[Any, ...]],
    is_stale: bool,
) -> Iterable[ChangedRow]:
    types = {c.name: c.type for c in (*found.form.key, *found.form.columns)}
    for row in rows:
        columns = [c for c in row if not _same(row[c], wanted.get(c))]
        if not columns:
            continue

        def shown(values: dict[str, Any], columns: list[str] = columns) -> dict[str, Any]:
            return {c: to_json_value(presented(values.get(c), types[c])) for c in columns}

        steps = []
        for side, values in passed:
            there = values.get(key)
            told = None if not there else shown(there[0])
            steps.append(Step(side.stage, side.position_of(key), told))
        steps.append(Step(found.stage, found.position_of(key), shown(row)))
        first = steps[-2] if key in wrong else steps[-1]
        yield ChangedRow(
            key={n: to_json_value(v) for n, v in zip(names, key, strict=True)},
            expected=shown(wanted),
            seen=shown(row),
            stage=first.stage,
            position=first.position,
            is_stale=is_stale,
            steps=tuple(steps),
        )


@runtime_checkable
class HasFiles(Protocol):
    """A table that can tell in which of its data files values of a column stand."""

    def files_of(self, column: str, values: Sequence[Any]) -> Mapping[Any, tuple[str, ...]]: ...


def _with_files(difference: RowDifference, table: Settled, forms: Forms) -> RowDifference:
    """Return the difference with the data files of the rows that differ."""
    if not difference.changed or len(forms.own.key) != 1 or not isinstance(table.pinned, HasFiles):
        return difference
    column = forms.own.key[0]
    if column.type.name not in ("int64", "string"):  # others are told in another form than the files have them
        return difference
    files = table.pinned.files_of(column.source, [row.key[column.name] for row in difference.changed])
    told = (replace(row, files=files.get(row.key[column.name], ())) for row in difference.changed)
    return replace(difference, changed=tuple(told))


def _same(one: Any, other: Any) -> bool:
    return bool(one == other or (one != one and other != other))  # NaN is the value that is not itself


def _ordered(frame: polars.DataFrame, names: list[str]) -> list[tuple[Any, ...]]:
    return list(frame.select(names).iter_rows())


def _keys(frame: polars.DataFrame | None, names: list[str]) -> set[tuple[Any, ...]]:
    return set() if frame is None else set(_ordered(frame, names))


def _by_key(frame: polars.DataFrame, names: list[str]) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in frame.iter_rows(named=True):
        found.setdefault(tuple(row[n] for n in names), []).append(row)
    return found


def _sources(forms: Forms) -> Iterable[tuple[str, str]]:
    return ((c.name, c.source) for c in forms.above.columns)


def _narrowed(forms: Forms, names: set[str]) -> Forms:
    def form(whole: RowForm) -> RowForm:
        columns = tuple(c for c in whole.columns if c.name in names and not c.is_expression)
        return RowForm(whole.key, columns, tuple(dict.fromkeys(c.source for c in columns)))

    return Forms(form(forms.own), form(forms.above), {})


def _with(difference: RowDifference, **fields: Any) -> RowDifference:
    return replace(difference, **fields)
