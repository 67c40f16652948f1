"""Measures a pinned stage: what its system tells, what an engine computes over its rows, what a comparison gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pipeline_checks.engines.base import columns_in_use
from pipeline_checks.engines.bin_counts import bin_counts
from pipeline_checks.engines.registry import engine_for
from pipeline_checks.engines.row_expressions import broken_rows
from pipeline_checks.model.balance import Balance, RejectedFrames, TableCommits
from pipeline_checks.model.clock import now
from pipeline_checks.model.errors import TransientError
from pipeline_checks.model.events import OP, ROW_OPERATIONS
from pipeline_checks.model.keyless import NumberComparison
from pipeline_checks.model.kinds import LOAD_LEDGER_KINDS, SERVED_KINDS, TOPIC_KINDS
from pipeline_checks.model.links import is_linked
from pipeline_checks.model.loading import LoadedContent, LoadedFacts
from pipeline_checks.model.measure import (
    Coverage,
    DuplicateClasses,
    DuplicateKeys,
    DuplicateSample,
    Facts,
    KeyComparison,
    Latencies,
    LatencySample,
    Measure,
    Measured,
    RowComparison,
    RowCount,
    RowMeasure,
    StageSchema,
    UpstreamDuplicates,
    UpstreamSchemas,
)
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.row_promises import BinCounts, BrokenExpression, References
from pipeline_checks.model.sequences import SequenceState
from pipeline_checks.model.stage import PinnedStage, StageDeclaration
from pipeline_checks.model.transactions import TransactionComparison, TransactionDifference
from pipeline_checks.verification.balancing import balance, rejected, table_commits
from pipeline_checks.verification.duplicate_classes import duplicate_classes
from pipeline_checks.verification.fed_records import told_again
from pipeline_checks.verification.key_comparison import KeyComparer
from pipeline_checks.verification.keyless import number_difference
from pipeline_checks.verification.latency import measure_latency, served_arrivals, table_arrivals
from pipeline_checks.verification.link_measures import LinkMeasure, link_measure
from pipeline_checks.verification.link_order import link_latency
from pipeline_checks.verification.load_comparison import LoadComparisons
from pipeline_checks.verification.loaded_content import classes_of_doubled, content_difference
from pipeline_checks.verification.loading import is_loaded_table, load_facts, load_latency
from pipeline_checks.verification.narrowing import Narrower
from pipeline_checks.verification.pinning import Pinner
from pipeline_checks.verification.reconciling import Reconciler
from pipeline_checks.verification.references import reference_difference
from pipeline_checks.verification.row_set_measures import RowSetMeasure, row_set_measure
from pipeline_checks.verification.sequences import sequences
from pipeline_checks.verification.settled import Settled
from pipeline_checks.verification.transactions import compare_transactions

if TYPE_CHECKING:
    from pipeline_checks.model.stage import Rows

Answer = Measured | Exception
_DERIVED = (
    Coverage
    | UpstreamSchemas
    | UpstreamDuplicates
    | DuplicateClasses
    | KeyComparison
    | RowComparison
    | TransactionComparison
    | References
    | BrokenExpression
    | BinCounts
    | Latencies
    | SequenceState
    | Balance
    | RejectedFrames
    | TableCommits
    | LinkMeasure
    | NumberComparison
    | RowSetMeasure
    | LoadedFacts
    | LoadedContent
)


class Measurer:
    """Answers measures about pinned stages, each once."""

    def __init__(self, pipeline: Pipeline, pinner: Pinner, narrower: Narrower | None = None) -> None:
        self._pipeline = pipeline
        self._pinner = pinner
        narrower = narrower or Narrower()
        loads = LoadComparisons(pipeline, pinner)
        self._keys = KeyComparer(pipeline, pinner, narrower, loads)
        self._reconciler = Reconciler(pipeline, pinner, narrower, loads)
        self._known: dict[tuple[str, int, Measure], Answer] = {}
        self._asked: dict[int, PinnedStage] = {}
        """Kept, so that no other stage gets the identity by which its answers are known."""

    def measure(
        self, settled: Settled, measures: frozenset[Measure], *, cheaply: bool = False
    ) -> dict[Measure, Answer]:
        """Return the value of each measure, or the error that kept it from being known.

        ``cheaply`` leaves out what would need a scan of the rows.
        """
        name = settled.declaration.name
        if settled.pinned is None:
            lost: dict[Measure, Answer] = {m: settled.lost for m in measures}
            return {**lost, Coverage(): Measured(settled.coverage)}
        pinned, known = settled.pinned, self._known
        identity = id(pinned)
        self._asked[identity] = pinned
        open_ = frozenset(m for m in measures if (name, identity, m) not in known)
        derived = {m for m in open_ if isinstance(m, _DERIVED) or _is_of_facts(settled.declaration, m)}
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
            if above is None or not above.contract.key:
                return None
            doubled: DuplicateSample = self._of(above, DuplicateKeys(above.contract.key))
            if doubled.classes:
                return doubled
            return replace(doubled, classes=self._of(above, DuplicateClasses(above.contract.key)))
        if isinstance(measure, LoadedFacts):
            return load_facts(self._pipeline, self._pinner, settled)
        if isinstance(measure, LoadedContent):
            return content_difference(self._pipeline, self._pinner, settled)
        if isinstance(measure, DuplicateClasses) and is_loaded_table(declaration):
            doubled = self._of(declaration, DuplicateKeys(measure.key))
            return classes_of_doubled(self._pipeline, self._pinner, settled, doubled)
        if isinstance(measure, DuplicateClasses):
            assert settled.pinned is not None
            return duplicate_classes(declaration, settled.pinned, self._of(declaration, DuplicateKeys(measure.key)))
        if isinstance(measure, RowComparison):
            return self._reconciler.difference(settled)
        if isinstance(measure, BrokenExpression | BinCounts):
            assert settled.pinned is not None
            rows = _row_factory(settled.pinned, declaration)
            return broken_rows(rows, measure) if isinstance(measure, BrokenExpression) else bin_counts(rows, measure)
        if isinstance(measure, References):
            return reference_difference(self._pipeline, self._pinner, settled, measure)
        if isinstance(measure, TransactionComparison):
            return self._transactions(declaration)
        if isinstance(measure, LinkMeasure):
            return link_measure(self._pipeline, self._pinner, settled, measure)
        if isinstance(measure, RowSetMeasure):
            return row_set_measure(self._pipeline, self._pinner, settled, measure, self._rows_of)
        if isinstance(measure, NumberComparison):
            return number_difference(self._pipeline, self._pinner, settled, self._rows_of)
        if isinstance(measure, SequenceState):
            return sequences(self._pipeline, self._pinner, settled, measure)
        if isinstance(measure, Balance):
            return balance(self._pipeline, self._pinner, settled, measure)
        if isinstance(measure, RejectedFrames):
            return rejected(self._pipeline, self._pinner, settled)
        if isinstance(measure, TableCommits):
            return table_commits(self._pipeline, self._pinner, settled)
        if isinstance(measure, DuplicateKeys):
            fed = self._pinner.fed_topic(declaration)
            return told_again(self._pinner.history(declaration.name)) if fed is None else fed.duplicates()
        if isinstance(measure, Latencies):
            return self._latencies(settled, measure.window)
        return self._keys.difference(settled)

    def _rows_of(self, stage: StageDeclaration) -> int:
        return int(self._of(stage, RowCount()))

    def _of(self, stage: StageDeclaration, measure: Measure) -> Any:
        answer = self.measure(self._pinner.settled(stage), frozenset({measure})).get(measure)
        if isinstance(answer, Measured):
            return answer.value
        raise answer or TransientError(f"{stage.name} does not tell {measure}")

    def _transactions(self, connector: StageDeclaration) -> TransactionDifference:
        ends = self._of(connector, Facts("transactions"))
        fed = [s for s in self._pipeline.stages if s.kind in TOPIC_KINDS and connector.name in s.from_]
        topics = []
        for stage in fed:
            lost = self._pinner.settled(stage).problem
            if lost is not None:
                raise lost
            source = self._pinner.source_of(stage)
            if source is not None:
                topics.append((self._pinner.history(stage.name), str(getattr(source, "table", source.name))))
        return compare_transactions(ends, topics, self._pinner.cut)

    def _latencies(self, settled: Settled, window: float) -> LatencySample:
        declaration = settled.declaration
        if declaration.kind in LOAD_LEDGER_KINDS:
            return load_latency(self._pipeline, self._pinner, settled, window)
        if is_linked(declaration):
            return link_latency(self._pipeline, self._pinner, declaration, now(), window)
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


def _is_of_facts(stage: StageDeclaration, measure: Measure) -> bool:
    """Whether a measure asks which records of a topic of facts are told twice and should not be."""
    if not isinstance(measure, DuplicateKeys) or stage.kind not in TOPIC_KINDS:
        return False
    return getattr(stage, "wins", "last") == "first" and measure.key == stage.contract.key


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
