"""Pins every stage of a session: takes the cut, settles stages in the order of the graph, keeps what was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pipeline_checks.clients.settings import resolve
from pipeline_checks.engines.frames import lazy_frame
from pipeline_checks.model.clock import Deadline, monotonic
from pipeline_checks.model.cut import Cut
from pipeline_checks.model.errors import PipelineChecksError, TerminalError
from pipeline_checks.model.kinds import (
    CONNECTOR_KINDS,
    GROUP_KINDS,
    LEDGER_KINDS,
    SERVED_KINDS,
    SOURCE_KINDS,
    TOPIC_KINDS,
    WAREHOUSE_KINDS,
)
from pipeline_checks.model.measure import CoverageState, Facts
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.stage import PinnedStage, Reached, StageDeclaration, StageReader
from pipeline_checks.stages.registry import open_stage
from pipeline_checks.stages.spark_tables import in_spark
from pipeline_checks.verification import settle
from pipeline_checks.verification.awaited_letters import are_letters, settle_letters
from pipeline_checks.verification.copies import Copy, original_of, settle_copy
from pipeline_checks.verification.coverage import required_offsets
from pipeline_checks.verification.fed_settling import settle_fed_topic
from pipeline_checks.verification.fed_topic import FedTopic, ledger_of
from pipeline_checks.verification.history import TopicHistory
from pipeline_checks.verification.loaded_topic import await_rows, origin_of
from pipeline_checks.verification.loading import is_of_loads, settle_loads
from pipeline_checks.verification.options import Options
from pipeline_checks.verification.settle_group import settle_group
from pipeline_checks.verification.settled import Settled, unreachable
from pipeline_checks.verification.slot import wait_for_slot
from pipeline_checks.verification.spark_sessions import SparkSessions
from pipeline_checks.verification.warehouse import Warehouse, settle_warehouse, warehouse_of

if TYPE_CHECKING:
    import polars

    from pipeline_checks.model.stage import Rows
    from pipeline_checks.stages.postgres_cut import PostgresCut

_CUT_ATTEMPTS = 3
_GRACE_OF_A_SERVED_STAGE = 5.0
"""Seconds that an API is given after its table has settled, however late that was."""


class Pinner:
    """Keeps the cut, the readers, the pinned stages and the events read, for one session."""

    def __init__(self, pipeline: Pipeline, options: Options) -> None:
        self._pipeline = pipeline
        self._options = options
        self._cuts: dict[str, PostgresCut] = {}
        self._warehouses: dict[str, Warehouse] = {}
        self._readers: dict[str, StageReader] = {}
        self._settled: dict[str, Settled] = {}
        self._histories: dict[str, TopicHistory] = {}
        self._copies: dict[str, Copy] = {}
        self._fed_topics: dict[str, FedTopic] = {}
        self._source_keys: dict[str, polars.DataFrame] = {}
        self._deadline_from: float | None = None
        self._spark = None if pipeline.engine is None else SparkSessions(pipeline.engine, options.spark)

    @property
    def cut(self) -> Cut | None:
        """The cut of the pipeline's source; None before it is taken, or when there is nothing to take one of."""
        return next((c.cut for c in self._cuts.values()), None)

    def close(self) -> None:
        """Give back all connections."""
        for reader in self._readers.values():
            reader.close()
        for cut in self._cuts.values():
            cut.close()
        self._forget_warehouses()
        if self._spark is not None:
            self._spark.close()
        self._readers.clear()
        self._cuts.clear()

    def reader(self, declaration: StageDeclaration) -> StageReader:
        """The opened stage."""
        if declaration.name not in self._readers:
            opened = open_stage(declaration)
            self._readers[declaration.name] = opened if self._spark is None else in_spark(opened, self._spark)
        return self._readers[declaration.name]

    def history(self, topic: str) -> TopicHistory:
        """The events of a topic's stage, which must have been settled."""
        return self._histories[topic]

    def copy_of(self, declaration: StageDeclaration) -> Copy | None:
        """What a table was found to be that is compared with its original directly; None for all other stages."""
        return self._copies.get(declaration.name)

    def fed_topic(self, declaration: StageDeclaration) -> FedTopic | None:
        """What a topic was found to be that is filled from a feed with a ledger; None for all other stages."""
        self.settled(declaration)
        return self._fed_topics.get(declaration.name)

    def settled(self, declaration: StageDeclaration) -> Settled:
        """Return the stage pinned, settling it and what it is made from at the first call."""
        if declaration.name not in self._settled:
            try:
                settled = self._settle(declaration)
            except PipelineChecksError as problem:
                settled = unreachable(declaration, problem, 0.0)
            self._settled[declaration.name] = settled
        return self._settled[declaration.name]

    def source_of(self, declaration: StageDeclaration) -> StageDeclaration | None:
        """The source table that the rows of the stage come from."""
        return next((s for s in self._pipeline.ancestors(declaration) if s.kind in SOURCE_KINDS), None)

    def topics_of(self, declaration: StageDeclaration) -> list[StageDeclaration]:
        """The topics that feed a table, or a consumer group, directly."""
        return [s for s in self._pipeline.upstream(declaration) if s.kind in TOPIC_KINDS]

    def source_keys(self, source: StageDeclaration) -> polars.DataFrame:
        """The keys of a source table at the cut."""
        if source.name not in self._source_keys:
            self._source_keys[source.name] = read_keys(self.settled(source).readable(), source.contract.key)
        return self._source_keys[source.name]

    def _deadline(self, declaration: StageDeclaration, at_least: float = 0.0) -> Deadline:
        """The time a stage still has: deadlines of all stages run from the cut, as the stages move side by side."""
        seconds = self._options.deadline if self._options.deadline is not None else declaration.deadline
        if self._deadline_from is None:
            self._deadline_from = monotonic()
        return Deadline(max(seconds - (monotonic() - self._deadline_from), min(seconds, at_least)))

    def _settle(self, declaration: StageDeclaration) -> Settled:
        if declaration.kind in SOURCE_KINDS:
            table: Any = declaration  # a kind among SOURCE_KINDS
            cut = self._cut_of(declaration)
            return settle.settle_source(declaration, cut.table(table), cut.behind)
        if declaration.kind in LEDGER_KINDS:
            return settle.settle_feed(declaration, self.reader(declaration))
        if declaration.kind in WAREHOUSE_KINDS:
            return self._warehouse_of(declaration).settled[declaration.name]
        upstream = [self.settled(s) for s in self._pipeline.upstream(declaration)]
        lost = next((s for s in upstream if s.problem is not None), None)
        if lost is not None:
            return unreachable(declaration, _lost(lost), 0.0)
        if is_of_loads(declaration):
            return settle_loads(self._pipeline, self, declaration, self._deadline(declaration))
        if declaration.kind in GROUP_KINDS:
            histories = [self.history(s.name) for s in self.topics_of(declaration)]
            return settle_group(declaration, self.reader(declaration), histories, self._deadline(declaration))
        if not declaration.holds_rows:
            return self._settle_service(declaration)
        if declaration.kind in TOPIC_KINDS:
            return self._settle_any_topic(declaration, upstream)
        if declaration.kind in SERVED_KINDS and upstream:
            deadline = self._deadline(declaration, at_least=_GRACE_OF_A_SERVED_STAGE)
            above = self.reader(upstream[0].declaration)
            return settle.settle_served(declaration, self.reader(declaration), upstream[0], above, deadline)
        original = original_of(self._pipeline, declaration)
        if original is not None:
            return self._settle_copy(declaration, self.settled(original))
        topics = self.topics_of(declaration)
        if topics:
            histories = [self.history(t.name) for t in topics]
            fed = [self._told_to_tables(t) for t in topics]
            required = required_offsets(histories, declaration.row_meaning)
            reader = self.reader(declaration)
            return settle.settle_table(declaration, reader, histories, required, fed, self._deadline(declaration))
        if upstream:
            unbound = settle.settle_unbound(declaration, self.reader(declaration))
            reason = f"how {declaration.kind} follows {upstream[0].declaration.kind} is not known"
            return Settled(declaration, unbound.pinned, CoverageState(None, None, 0, 0.0, reason))
        return settle.settle_unbound(declaration, self.reader(declaration))

    def _warehouse_of(self, declaration: StageDeclaration) -> Warehouse:
        url = warehouse_of(declaration)
        if url not in self._warehouses:
            slowest = max(
                (s for s in self._pipeline.stages if s.kind in WAREHOUSE_KINDS), key=lambda stage: stage.deadline
            )
            deadline = self._deadline(slowest)
            self._warehouses[url] = settle_warehouse(self._pipeline, url, self.settled, deadline)
        return self._warehouses[url]

    def _told_to_tables(self, topic: StageDeclaration) -> CoverageState:
        """How far a topic is for what is made from it; of a feed without a ledger all begins where the topic ended."""
        coverage = self.settled(topic).coverage
        if ledger_of(self._pipeline, topic) is None or coverage.covers_cut is not None:
            return coverage
        return replace(coverage, covers_cut=True, reason="")

    def _settle_copy(self, declaration: StageDeclaration, original: Settled) -> Settled:
        if original.problem is not None:
            return unreachable(declaration, _lost(original), 0.0)
        deadline = self._deadline(declaration)
        reader, now = self.reader(declaration), self.reader(original.declaration)
        assert self._deadline_from is not None
        since_cut = monotonic() - self._deadline_from
        settled, copy = settle_copy(declaration, reader, original, now, deadline, since_cut)
        if copy is not None:
            self._copies[declaration.name] = copy
        if settled.coverage.covers_cut and original.coverage.covers_cut is not True:
            reason = (
                f"{original.declaration.name}, which it is compared with, is not settled: {original.coverage.reason}"
            )
            return replace(settled, coverage=replace(original.coverage, reason=reason))
        return settled

    def _settle_any_topic(self, declaration: StageDeclaration, upstream: list[Settled]) -> Settled:
        feed = ledger_of(self._pipeline, declaration)
        if are_letters(declaration):
            deadline = self._deadline(declaration)
            return settle_letters(upstream, lambda: self._settle_topic(declaration, upstream), deadline)
        if feed is None or len(upstream) > 1:
            return self._settle_topic(declaration, upstream)
        told = self.settled(feed)
        if told.coverage.covers_cut:
            return self._settle_fed_topic(declaration, told)
        settled = self._settle_topic(declaration, upstream)
        return settled if settled.problem else replace(settled, coverage=replace(told.coverage))

    def _settle_fed_topic(self, declaration: StageDeclaration, feed: Settled) -> Settled:
        reader = self.reader(declaration)

        def read() -> tuple[PinnedStage, TopicHistory]:
            reached = reader.reached()
            pinned = reader.at(reached.position)
            return pinned, self._history_of(declaration, reader, pinned, reached, None)

        def look_again() -> PinnedStage:
            later = settle.settle_feed(feed.declaration, self.reader(feed.declaration)).readable()
            told = getattr(feed.pinned, "told", None)
            return feed.readable() if told is not None and told == getattr(later, "told", None) else later

        deadline = self._deadline(declaration)
        settled, history, fed = settle_fed_topic(declaration, feed, read, look_again, deadline)
        self._histories[declaration.name] = history
        self._fed_topics[declaration.name] = fed
        return settled

    def _history_of(
        self, declaration: StageDeclaration, reader: Any, pinned: PinnedStage, reached: Reached, cut: Cut | None
    ) -> TopicHistory:
        assert isinstance(pinned.position, OffsetsPosition)
        topic = pinned.position.offsets[0][0]
        begin = {int(p): int(o) for p, o in (reached.detail.get("low_watermarks") or {}).items()}
        return TopicHistory(declaration, topic, reader, pinned, begin, cut)

    def _settle_service(self, declaration: StageDeclaration) -> Settled:
        sources = [s for s in self._pipeline.ancestors(declaration) if s.kind in SOURCE_KINDS]
        cut = self._cut_of(sources[0]) if sources else None
        at = None if cut is None else cut.cut
        settled = settle.settle_connector(declaration, self.reader(declaration), at, self._deadline(declaration))
        if cut is not None and cut.behind is not None and settled.coverage.covers_cut:
            return replace(settled, coverage=settle.coverage_of_source(cut.behind))
        return settled

    def _settle_topic(self, declaration: StageDeclaration, upstream: list[Settled]) -> Settled:
        for attempt in range(_CUT_ATTEMPTS):
            fed, waited = self._fed(declaration)
            source = self.source_of(declaration)
            cut = self._cut_of(source).cut if source is not None else None
            reader = self.reader(declaration)

            def history(
                pinned: PinnedStage, reached: Reached, reader: Any = reader, cut: Cut | None = cut
            ) -> TopicHistory:
                return self._history_of(declaration, reader, pinned, reached, cut)

            settled, read = settle.settle_topic(declaration, reader, fed, history, waited)
            if read is None:
                return settled
            last = attempt == _CUT_ATTEMPTS - 1
            if source is None or last or not fed.covers_cut or not read.snapshot_after_cut():
                self._histories[declaration.name] = read
                return settled
            self._options.say(f"{declaration.name}: the connector's snapshot ended after the cut; taking the cut again")
            self._forget_cut(source)
        raise AssertionError("unreachable")

    def _fed(self, declaration: StageDeclaration) -> tuple[CoverageState, float]:
        """How far that what feeds a topic is with regard to the cut."""
        movers = CONNECTOR_KINDS | GROUP_KINDS
        services = [s for s in self._pipeline.upstream(declaration) if s.kind in movers]
        if services:
            service = self.settled(services[0])
            return service.coverage, service.coverage.waited_seconds
        origin = origin_of(self._pipeline, declaration)
        if origin is not None:
            modified = self.reader(origin).reached().detail["modified"]
            reader, deadline = self.reader(declaration), self._deadline(declaration)
            state = await_rows(declaration, reader, self.settled(origin), modified, deadline)
            return state, state.waited_seconds
        source = self.source_of(declaration)
        if source is None:
            return CoverageState(True, 0.0, 0), 0.0
        cut = self._cut_of(source)
        if cut.behind is not None:
            return settle.coverage_of_source(cut.behind), 0.0
        reader = self.reader(source)
        facts = Facts("slots")

        def slots() -> Sequence[Mapping[str, Any]]:
            found: Sequence[Mapping[str, Any]] = (
                reader.at(reader.reached().position).answer(frozenset({facts}))[facts].value
            )
            return found

        slot = getattr(declaration, "slot", None)
        state = wait_for_slot(slots, cut.mark, cut.cut, slot, declaration.name, self._deadline(declaration))
        return state, state.waited_seconds

    def _cut_of(self, source: StageDeclaration) -> PostgresCut:
        from pipeline_checks.stages.postgres_cut import open_cut

        url = _url_of(source)
        if url not in self._cuts:
            self._await_snapshots(source)
            self._options.say("taking the cut")
            declared: Any = source  # only kinds among SOURCE_KINDS come here, and these have a connection
            primary = declared.connection.primary
            deadline = Deadline(source.deadline if self._options.deadline is None else self._options.deadline)
            self._cuts[url] = open_cut(url, None if primary is None else resolve(primary), deadline)
            self._deadline_from = monotonic()
        return self._cuts[url]

    def _await_snapshots(self, source: StageDeclaration) -> None:
        """Wait until the connectors that read the source have ended their snapshot, so that the cut comes after it."""
        for service in self._pipeline.stages:
            if service.holds_rows or source.name not in service.from_:
                continue
            reader = self.reader(service)

            def ended(reader: StageReader = reader) -> bool:
                try:
                    return not settle.snapshot_is_running(reader)
                except PipelineChecksError:
                    return True  # settling the connector will tell what is wrong with it

            Deadline(self._options.deadline or service.deadline).wait_until(ended)

    def retake_cuts(self) -> None:
        """Forget the cuts, one of which is lost, and all that was settled at them; what comes next takes new ones."""
        for cut in self._cuts.values():
            cut.close()
        self._cuts.clear()
        self._forget_settled()

    def _forget_cut(self, source: StageDeclaration) -> None:
        url = _url_of(source)
        self._cuts.pop(url).close()
        self._forget_settled()

    def _forget_warehouses(self) -> None:
        for warehouse in self._warehouses.values():
            warehouse.close()
        self._warehouses.clear()

    def _forget_settled(self) -> None:
        self._forget_warehouses()
        self._source_keys.clear()
        self._settled.clear()
        self._histories.clear()
        self._copies.clear()
        self._fed_topics.clear()


def _lost(stage: Settled) -> PipelineChecksError:
    """Return the problem of what is made from a stage that could not be read, naming the first that could not."""
    problem = stage.lost
    if "first_lost" in problem.data:
        return problem
    name = stage.declaration.name
    return TerminalError(f"{name}, which it is made from, could not be read: {problem}", first_lost=name)


def _url_of(source: StageDeclaration) -> str:
    declared: Any = source  # only kinds among SOURCE_KINDS come here, and these have a connection
    return resolve(declared.connection.url)


def read_keys(pinned: PinnedStage, key: tuple[str, ...]) -> polars.DataFrame:
    """Return the key columns of all rows of a stage."""
    return keys_of(pinned.rows(key), key)


def keys_of(rows: Rows, key: tuple[str, ...]) -> polars.DataFrame:
    """Return the key columns of some rows."""
    return lazy_frame(rows, key).collect(engine="streaming")
