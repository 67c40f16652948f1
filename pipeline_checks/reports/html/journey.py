"""The way of a row through the stages, as far as the findings and verdicts of a run tell it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from pipeline_checks.reports.html.graph import Graph

State = Literal["right", "wrong", "unknown"]
JUDGES: Final[Mapping[str, tuple[str, ...]]] = {
    "missing": ("counts",),
    "unexpected": ("counts",),
    "resurrected": ("counts",),
    "duplicate": ("counts", "duplicates"),
    "changed": ("reconcile",),
    "stale": ("reconcile",),
}
"""Kind of finding to the checks that would tell it of another stage too."""


@dataclass(frozen=True)
class Halt:
    """One stage on the way.

    Parameters
    ----------
    state:
        ``right`` where a check that looked at every row lists nothing of this one, ``wrong`` where one does,
        ``unknown`` where none could tell.
    said:
        What is known of the row there, as a few words.
    values:
        The columns in question as the row has them there; None where they were not read or there is no row.
    is_first:
        Whether the row went wrong here.
    """

    stage: str
    state: State
    said: str
    position: Mapping[str, Any] | None = None
    values: Mapping[str, Any] | None = None
    is_first: bool = False


class Journeys:
    """Tells the way of the row of each finding.

    Parameters
    ----------
    graph:
        How the stages hang together.
    checks:
        The checks of the run as its JSON has them.
    """

    def __init__(self, graph: Graph, checks: Sequence[Mapping[str, Any]]) -> None:
        self._graph = graph
        self._checks = {(c["stage"], c["check"]): c for c in checks}
        self._told: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
        """Stage that was judged, and key, to the findings about it."""
        for check in checks:
            for finding in check["findings"]:
                if finding["key"] is not None:
                    self._told[check["stage"], _key(finding)].append(finding)

    def of(self, finding: Mapping[str, Any], judged: str) -> list[Halt]:
        """Return the way of the row of a finding of a check of the stage ``judged``; empty where none is told."""
        steps = finding.get("journey")
        if isinstance(steps, list) and steps:
            return list(_compared(steps, finding))
        if finding["key"] is None or finding["kind"] not in JUDGES:
            return []
        stages = self._graph.line_of(judged, finding["key"])
        return [self._halt(stage, finding, judged) for stage in stages] if len(stages) > 1 else []

    def _halt(self, stage: str, finding: Mapping[str, Any], judged: str) -> Halt:
        is_first = stage == finding["stage"]
        last_event = finding.get("last_event")
        position = finding["position"] if stage == judged else None
        if isinstance(last_event, Mapping) and last_event.get("kind") == "offsets" and self._graph.is_topic(stage):
            position = last_event if stage in self._graph.ancestors(judged) else None
        here = [f["kind"] for f in self._told[stage, _key(finding)] if f["kind"] in JUDGES]
        if stage == judged:
            here = [finding["kind"]]
        if here:
            return Halt(stage, "wrong", ", ".join(dict.fromkeys(here)), position, is_first=is_first)
        if is_first:
            return Halt(stage, "wrong", f"{finding['kind']}, first here", position, is_first=True)
        judges = [c for kind in JUDGES[finding["kind"]] if (c := self._checks.get((stage, kind))) is not None]
        if any(_looked_at_all(check) for check in judges):
            return Halt(stage, "right", f"as it must be, by {judges[0]['check']}", position)
        return Halt(stage, "unknown", "not told", position)


def _compared(steps: Iterable[Mapping[str, Any]], finding: Mapping[str, Any]) -> Iterable[Halt]:
    """The way that the comparison of the rows told itself, with their values."""
    has_gone_wrong = False
    for step in steps:
        is_first = step["stage"] == finding["stage"]
        has_gone_wrong |= is_first
        values = step.get("values")
        said = "no row" if values is None else ""
        yield Halt(
            step["stage"], "wrong" if has_gone_wrong else "right", said, step.get("position"), values, is_first=is_first
        )


def _looked_at_all(check: Mapping[str, Any]) -> bool:
    """Whether a check looked at the stage and lists all that it found."""
    return check["verdict"] in ("PASS", "WARN", "FAIL") and check["findings_total"] == len(check["findings"])


def _key(finding: Mapping[str, Any]) -> str:
    return json.dumps(finding["key"], sort_keys=True, default=str)
