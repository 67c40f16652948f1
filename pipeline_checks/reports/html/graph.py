"""How the stages of a run hang together: as their pipeline declares it, else as far as the ledger's proofs tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline_checks.model.kinds import TOPIC_KINDS
from pipeline_checks.model.pipeline import Pipeline


@dataclass(frozen=True)
class Graph:
    """The stages, each behind those that it is made from.

    Parameters
    ----------
    upstream:
        Stage to those that it is made from.
    rowless:
        Stages that hold no rows, such as a connector.
    topics:
        Stages that are topics.
    keys:
        The columns that tell the rows of a stage apart, where they are known.
    """

    upstream: Mapping[str, tuple[str, ...]]
    rowless: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    keys: Mapping[str, frozenset[str]] = field(default_factory=dict)
    _known: dict[str, tuple[str, ...]] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of_pipeline(cls, pipeline: Pipeline) -> Graph:
        """Return the graph that a pipeline declares."""
        return cls(
            {stage.name: stage.from_ for stage in pipeline.stages},
            frozenset(stage.name for stage in pipeline.stages if not stage.holds_rows),
            frozenset(stage.name for stage in pipeline.stages if stage.kind in TOPIC_KINDS),
            {
                stage.name: frozenset(stage.contract.key)
                for stage in pipeline.stages
                if stage.contract.key and stage.row_meaning != "dead_letters"
            },
        )

    @classmethod
    def of_pairs(cls, kinds: Mapping[str, str], pairs: Iterable[tuple[str, str]]) -> Graph:
        """Return the graph of stages (name to kind) of which only pairs (upstream, stage) are known."""
        above: dict[str, list[str]] = {name: [] for name in kinds}
        for upstream, stage in pairs:
            if upstream in above and stage in above and upstream != stage:
                above[stage].append(upstream)
        ordered: dict[str, tuple[str, ...]] = {}
        waiting = dict(above)
        while waiting:
            ready = [n for n, ups in waiting.items() if all(u in ordered for u in ups)] or list(waiting)[:1]
            for name in ready:
                ordered[name] = tuple(u for u in waiting.pop(name) if u in ordered)
        return cls(ordered, topics=frozenset(n for n, kind in kinds.items() if kind in TOPIC_KINDS))

    def is_topic(self, stage: str) -> bool:
        """Whether the stage is a topic."""
        return stage in self.topics

    def holds_rows(self, stage: str) -> bool:
        """Whether rows pass or rest at the stage."""
        return stage in self.upstream and stage not in self.rowless

    def parents(self, stage: str) -> tuple[str, ...]:
        """The stages with rows that a stage is made from; through one without rows only where there are no others."""
        above = self.upstream.get(stage, ())
        direct = tuple(name for name in above if self.holds_rows(name))
        return direct or tuple(dict.fromkeys(p for name in above for p in self.parents(name)))

    def ancestors(self, stage: str) -> tuple[str, ...]:
        """All stages with rows that a stage is made from, directly or not."""
        if stage not in self._known:
            found: dict[str, None] = {}
            for parent in self.parents(stage):
                found.update(dict.fromkeys((*self.ancestors(parent), parent)))
            self._known[stage] = tuple(found)
        return self._known[stage]

    def line_of(self, stage: str, key: Iterable[str]) -> Sequence[str]:
        """The stages before a stage, itself, and those behind it, in their order, whose rows have the same key."""
        columns = frozenset(key)
        behind = [name for name in self.upstream if stage in self.ancestors(name)]
        line = {*self.ancestors(stage), stage, *behind}
        return [name for name in self.upstream if name in line and self.keys.get(name) == columns]
