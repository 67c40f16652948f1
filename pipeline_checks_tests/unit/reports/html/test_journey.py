"""The way of a row: told as far as checks looked, and no further."""

from __future__ import annotations

from typing import Any

from pipeline_checks.reports.html.graph import Graph
from pipeline_checks.reports.html.journey import Halt, Journeys

KEY = frozenset({"id"})
GRAPH = Graph(
    {"pg": (), "connector": ("pg",), "topic": ("pg", "connector"), "lake": ("topic",), "api": ("lake",), "other": ()},
    rowless=frozenset({"connector"}),
    topics=frozenset({"topic"}),
    keys={name: KEY for name in ("pg", "topic", "lake", "api", "other")},
)


def finding(kind: str = "missing", stage: str = "lake", **fields: Any) -> dict[str, Any]:
    return {"kind": kind, "stage": stage, "key": {"id": 4}, "position": {"kind": "version", "value": 7}, **fields}


def check(stage: str, verdict: str, *findings: dict[str, Any], kind: str = "counts", total: int = -1) -> dict[str, Any]:
    listed = len(findings) if total < 0 else total
    return {"stage": stage, "check": kind, "verdict": verdict, "findings": list(findings), "findings_total": listed}


def way(*checks: dict[str, Any], judged: str = "lake", graph: Graph = GRAPH) -> dict[str, Halt]:
    found = next(f for c in checks if c["stage"] == judged for f in c["findings"])
    return {halt.stage: halt for halt in Journeys(graph, checks).of(found, judged)}


def states(halts: dict[str, Halt]) -> dict[str, tuple[str, bool]]:
    return {name: (halt.state, halt.is_first) for name, halt in halts.items()}


def test_a_row_lost_at_the_lake_is_right_before_it_and_wrong_behind_it() -> None:
    told = way(
        check("pg", "PASS"),
        check("topic", "PASS"),
        check("lake", "FAIL", finding(last_event={"kind": "offsets", "value": {"t": {"0": 5}}})),
        check("api", "FAIL", finding(stage="lake")),
    )
    assert states(told) == {
        "pg": ("right", False), "topic": ("right", False), "lake": ("wrong", True), "api": ("wrong", False)
    }  # fmt: skip
    assert told["topic"].position == {"kind": "offsets", "value": {"t": {"0": 5}}}
    assert told["lake"].position == {"kind": "version", "value": 7}


def test_what_no_check_could_see_is_not_told_as_right() -> None:
    told = way(
        check("pg", "UNSETTLED"),
        check("topic", "ERROR"),
        check("lake", "FAIL", finding()),
        check("api", "FAIL", finding(stage="api", key={"id": 5}), total=900),
    )
    assert states(told) == {
        "pg": ("unknown", False), "topic": ("unknown", False), "lake": ("wrong", True), "api": ("unknown", False)
    }  # fmt: skip


def test_a_row_that_was_wrong_before_names_where() -> None:
    told = way(check("lake", "FAIL", finding(stage="topic")), check("pg", "PASS"))
    assert states(told) == {
        "pg": ("right", False), "topic": ("wrong", True), "lake": ("wrong", False), "api": ("unknown", False)
    }  # fmt: skip


def test_the_way_that_a_comparison_told_is_shown_with_its_values() -> None:
    steps = [
        {"stage": "pg", "position": None, "values": {"amount": "10.00"}},
        {"stage": "topic", "position": {"kind": "offsets", "value": {"t": {"0": 5}}}, "values": {"amount": "10.00"}},
        {"stage": "lake", "position": None, "values": {"amount": "9.00"}},
    ]
    told = way(check("lake", "FAIL", finding("changed", journey=steps), kind="reconcile"))
    assert states(told) == {"pg": ("right", False), "topic": ("right", False), "lake": ("wrong", True)}
    assert told["lake"].values == {"amount": "9.00"}


def test_nothing_is_told_of_other_keys_other_kinds_and_what_is_no_row() -> None:
    other_key = Graph(GRAPH.upstream, GRAPH.rowless, GRAPH.topics, {**GRAPH.keys, "pg": frozenset({"uuid"})})
    assert set(way(check("lake", "FAIL", finding()), graph=other_key)) == {"topic", "lake", "api"}
    assert not way(check("lake", "FAIL", finding("late")))
    assert not way(check("lake", "FAIL", finding(key=None)))
    assert not way(check("other", "FAIL", finding(stage="other")), judged="other")
