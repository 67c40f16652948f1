"""Measures a pinned stage: what its system tells, what an engine computes over its rows, what a comparison gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline_checks.engines.base import columns_in_use
from pipeline_checks.engines.registry import engine_for
from pipeline_checks.model.clock import now
from pipeline_checks.model.errors import TransientError
from pipeline_checks.model.events import OP, ROW_OPERATIONS
from pipeline_checks.model.measure import (
    Coverage,
    DuplicateKeys,
    Facts,
    KeyComparison,
    KeyDifference,
    Latencies,
    LatencySample,
    Measure,
    Measured,
    RowMeasure,
    StageSchema,
    UpstreamDuplicates,
    UpstreamSchemas,
)
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.stage import PinnedStage, StageDeclaration
from pipeline_checks.values.json_values import to_json_value
from pipeline_checks.verification import keys
from pipeline_checks.verification.coverage import owed_events
from pipeline_checks.verification.latency import measure_latency, served_arrivals, table_arrivals
from pipeline_checks.verification.pinning import SERVED_KINDS, SOURCE_KINDS, TOPIC_KINDS, Pinner, read_keys
from pipeline_checks.verification.settled import Settled

if TYPE_CHECKING:
    import polars

    from pipeline_checks.model.stage import Rows

Answer = Measured | Exception


class Measurer:
    """Answers measures about pinned stages, each once."""

    def __init__(self, pipeline: Pipeline, pinner: Pinner) -> None:
        self._pipeline = pipeline
        self._pinner = pinner
        self._known: dict[tuple[str, int, Measure], Answer] = {}

    def measure(
        self, settled: Settled, measures: frozenset[Measure], *, cheaply: bool = False
    ) -> dict[Measure, Answer]:
        """Return the value of each measure, or the error that kept it from being known.

        ``cheaply`` leaves out what would need a scan of the rows.
        """
        name = settled.declaration.name
        if settled.pinned is None:
            problem = settled.problem or TransientError(f"{name} could not be read")
            lost: dict[Measure, Answer] = {m: problem for m in measures}
            return {**lost, Coverage(): Measured(settled.coverage)}
        pinned, known = settled.pinned, self._known
        identity = id(pinned)
        open_ = frozenset(m for m in measures if (name, identity, m) not in known)
        derived = {
            m
            for m in open_
            if isinstance(m, Coverage | UpstreamSchemas | UpstreamDuplicates | KeyComparison | Latencies)
        }
        answers = self._ask(pinned, settled.declaration, open_ - derived, cheaply)
        for measure in derived:
            answers[measure] = self._derive(settled, measure)
        known.update({(name, identity, m): a for m, a in answers.items()})
        return {m: known[name, identity, m] for m in measures if (name, identity, m) in known}

    def _ask(
        self, pinned: PinnedStage, declaration: StageDeclaration, measures: frozenset[Measure], cheaply: bool
    ) -> dict[Measure, Answer]:
        answers: dict[Measure, Answer] = {}
        if not measures:
            return answers
        answers.update(self._told(pinned, measures))
        rest = frozenset(m for m in measures if m not in answers and isinstance(m, RowMeasure))
        if rest and not cheaply:
            rows = _row_factory(pinned, declaration)

            def computed(asked: frozenset[Any]) -> Mapping[Measure, Measured]:
                return engine_for(rows(columns_in_use(asked) or None)).measure(rows, asked)

            answers.update(_at_once_or_singly(computed, rest))
        return answers

    def _told(self, pinned: PinnedStage, measures: frozenset[Measure]) -> dict[Measure, Answer]:
        """Ask the stage itself."""
        return _at_once_or_singly(pinned.answer, measures)

    def _derive(self, settled: Settled, measure: Measure) -> Answer:
        try:
            return Measured(self._derived(settled, measure))
        except Exception as problem:
            return problem

    def _derived(self, settled: Settled, measure: Measure) -> Any:
        declaration = settled.declaration
        if isinstance(measure, Coverage):
            return settled.coverage
        if isinstance(measure, UpstreamSchemas):
            upstream = [s for s in self._pipeline.upstream(declaration) if s.holds_rows]
            return {s.name: self._of(s, StageSchema()) for s in upstream}
        if isinstance(measure, UpstreamDuplicates):
            above = next((s for s in self._pipeline.upstream(declaration) if s.holds_rows), None)
            return (
                None if above is None or not above.contract.key else self._of(above, DuplicateKeys(above.contract.key))
            )
        if isinstance(measure, Latencies):
            return self._latencies(settled, measure.window)
        return self._key_difference(settled)

    def _of(self, stage: StageDeclaration, measure: Measure) -> Any:
        answer = self.measure(self._pinner.settled(stage), frozenset({measure})).get(measure)
        if isinstance(answer, Measured):
            return answer.value
        raise answer or TransientError(f"{stage.name} does not tell {measure}")

    def _latencies(self, settled: Settled, window: float) -> LatencySample:
        declaration = settled.declaration
        if declaration.kind in TOPIC_KINDS:
            return measure_latency(self._pinner.history(declaration.name), now(), window)
        table = declaration
        if declaration.kind in SERVED_KINDS:
            table = self._pipeline.upstream(declaration)[0]
        commits = self._of(table, Facts("commits"))
        history = self._pinner.history(self._pinner.topics_of(table)[0].name)
        if table is declaration:
            arrivals = table_arrivals(commits, history.topic)
            return measure_latency(history, now(), window, "commit_to_table", arrivals)
        arrivals = served_arrivals(commits, self._of(declaration, Facts("versions")), history.topic)
        return measure_latency(history, now(), window, "commit_to_api", arrivals)

    def _key_difference(self, settled: Settled) -> KeyDifference:
        declaration, pinned = settled.declaration, settled.pinned
        assert pinned is not None
        key = declaration.contract.key
        found: polars.DataFrame
        if not declaration.from_:  # there is nothing before it that could tell what it must hold
            is_source = declaration.kind in SOURCE_KINDS
            found = self._pinner.source_keys(declaration) if is_source else read_keys(pinned, key)
            return keys.compare(found, keys.ExpectedKeys(found.unique(), found.clear(), ()), key, to_json_value)
        source = self._pinner.source_of(declaration)
        if declaration.kind in TOPIC_KINDS:
            history = self._pinner.history(declaration.name)
            if source is None:
                raise TransientError(f"{declaration.name} has no source to compare its keys with")
            against = (source.name,)
            found, expected = keys.expected_in_topic(history, self._pinner.source_keys(source), against)
            return keys.compare(found, expected, key, to_json_value)
        if declaration.kind in SERVED_KINDS:
            table = self._pipeline.upstream(declaration)[0]
            held = read_keys(self._pinned(table), table.contract.key).unique()
            found = read_keys(pinned, key)
            return keys.compare(found, keys.ExpectedKeys(held, held.clear(), (table.name,)), key, to_json_value)
        return self._table_difference(settled, source)

    def _table_difference(self, settled: Settled, source: StageDeclaration | None) -> KeyDifference:
        import polars

        declaration, pinned = settled.declaration, settled.pinned
        assert pinned is not None
        key = declaration.contract.key
        topics = self._pinner.topics_of(declaration)
        if not topics:
            raise TransientError(f"what {declaration.name} must hold is not known: it is not made from a topic")
        covers = settled.covers or OffsetsPosition.of({})
        found = read_keys(pinned, key)
        histories = [self._pinner.history(t.name) for t in topics]
        if declaration.row_meaning == "current":
            passed = self._pinner.settled(topics[0]).coverage.covers_cut is True and source is not None
            rows = self._pinner.source_keys(source) if passed and source is not None else None
            against = (*((source.name,) if rows is not None and source is not None else ()), topics[0].name)
            expected = keys.expected_in_table(histories[0], rows, covers, against)
            return keys.compare(found, expected, key, to_json_value)
        owed = []
        for history in histories:
            frame = (
                owed_events(history, "dead_letters") if declaration.row_meaning == "dead_letters" else history.values()
            )
            owed.append(keys.record_keys(history, history.below(frame, covers), key))
            found = _retained(found, history, key)
        all_owed = polars.concat(owed)
        expected = keys.ExpectedKeys(all_owed, all_owed.clear(), tuple(t.name for t in topics))
        return keys.compare(found, expected, key, to_json_value)

    def _pinned(self, stage: StageDeclaration) -> PinnedStage:
        settled = self._pinner.settled(stage)
        if settled.pinned is None:
            raise settled.problem or TransientError(f"{stage.name} could not be read")
        return settled.pinned


def _at_once_or_singly(
    ask: Callable[[frozenset[Any]], Mapping[Measure, Measured]], measures: frozenset[Any]
) -> dict[Measure, Answer]:
    """Ask for all measures at once; when that fails, for one after the other, so that one failure stays one."""
    try:
        return dict(ask(measures))
    except Exception as problem:
        if len(measures) == 1:
            return {m: problem for m in measures}
    return {m: a for measure in measures for m, a in _at_once_or_singly(ask, frozenset({measure})).items()}


def _retained(found: polars.DataFrame, history: Any, key: tuple[str, ...]) -> polars.DataFrame:
    """Leave out rows whose record the topic no longer has: nothing can be said of them."""
    import polars

    topic, partition, offset = key
    gone = polars.lit(False)
    for number, begin in history.begin.items():
        gone = gone | (
            (polars.col(topic) == history.topic) & (polars.col(partition) == number) & (polars.col(offset) < begin)
        )
    return found.filter(~gone)


def _row_factory(pinned: PinnedStage, declaration: StageDeclaration) -> Callable[[Sequence[str] | None], Rows]:
    """Return what an engine calls for rows. Of a topic, only the events after which the row exists count as rows."""
    if declaration.kind not in TOPIC_KINDS:
        return pinned.rows

    def rows(columns: Sequence[str] | None = None) -> Rows:
        import pyarrow
        import pyarrow.compute as compute

        table = pinned.rows(None if columns is None else (*columns, OP))
        assert isinstance(table, pyarrow.Table)
        kept = table.filter(compute.is_in(table.column(OP), pyarrow.array(ROW_OPERATIONS)))
        return kept if columns is None else kept.select(list(columns))

    return rows
