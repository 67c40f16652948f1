"""Where stages stand in the picture of their pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.reports.html.graph import Graph
from pipeline_checks.reports.html.layout import Layout, layout
from pipeline_checks.reports.html.picture import BOX_HEIGHT, BOX_WIDTH, draw, listed
from pipeline_checks.verification.discovery import load_pipeline


@cache
def declared(name: str) -> Pipeline:
    return load_pipeline(name)


Upstream = Mapping[str, Sequence[str]]


@st.composite
def graphs(draw_from: st.DrawFn) -> Upstream:
    """Graphs whose stages stand behind those they are made from."""
    number = draw_from(st.integers(1, 12))
    names = [f"s{i}" for i in range(number)]
    return {
        name: draw_from(st.lists(st.sampled_from(names[:i]), max_size=3, unique=True) if i else st.just([]))
        for i, name in enumerate(names)
    }


def overlapping(found: Layout) -> list[tuple[str, str]]:
    of_column: dict[int, list[tuple[float, str]]] = {}
    for name, place in found.places.items():
        of_column.setdefault(place.column, []).append((place.y, name))
    return [
        (one, other)
        for column in of_column.values()
        for (y, one), (below, other) in pairwise(sorted(column))
        if below - y < 1 - 1e-6
    ]


@settings(max_examples=30)
@given(graphs())
def test_stages_stand_behind_those_they_are_made_from_and_do_not_overlap(upstream: Upstream) -> None:
    found = layout(upstream)
    assert set(found.places) == set(upstream)
    assert not overlapping(found)
    for name, above in upstream.items():
        assert all(found.places[a].column < found.places[name].column for a in above)
        for origin in above:
            way = found.edges[origin, name]
            assert [p.column for p in way] == list(range(found.places[origin].column, found.places[name].column + 1))
            assert (way[0], way[-1]) == (found.places[origin], found.places[name])
    assert min(p.y for p in found.places.values()) >= 0


def test_a_line_is_straight_and_twins_stand_side_by_side() -> None:
    straight = layout({"a": [], "b": ["a"], "c": ["b"]})
    assert [(p.column, round(p.y, 6)) for p in straight.places.values()] == [(0, 0.0), (1, 0.0), (2, 0.0)]
    twins = layout({"a": [], "b": [], "x": ["b"], "y": ["a"]})
    assert (twins.places["a"].y < twins.places["b"].y) == (twins.places["y"].y < twins.places["x"].y)


def test_lines_do_not_cross_where_they_need_not() -> None:
    pipeline = declared("cdc")
    found = layout({s.name: s.from_ for s in pipeline.stages}, light=frozenset({"connector"}))
    sinks: dict[str, list[float]] = {}
    for stage in pipeline.stages:
        if stage.kind in ("delta_table", "iceberg_table") and len(stage.from_) == 1:
            sinks.setdefault(stage.from_[0], []).append(found.places[stage.name].y)
    reaches = sorted((min(y), max(y)) for y in sinks.values())
    assert len(reaches) == 6
    assert all(end < start for (_, end), (start, _) in pairwise(reaches))


@pytest.mark.parametrize("name", ["cdc", "churn", "market_data", "ingestion"])
def test_every_pipeline_has_its_picture_and_its_list(name: str) -> None:
    graph = Graph.of_pipeline(declared(name))
    picture = draw(graph)
    assert {b.stage for b in picture.boxes} == set(graph.upstream)
    assert {(c.source, c.target) for c in picture.curves} == {
        (a, n) for n, above in graph.upstream.items() for a in above
    }
    assert all(0 <= b.x <= picture.width - BOX_WIDTH and 0 <= b.y <= picture.height - BOX_HEIGHT for b in picture.boxes)
    assert sorted(e.stage for e in listed(graph)) == sorted(graph.upstream)


def test_the_list_tells_what_a_stage_is_made_from_besides() -> None:
    graph = Graph.of_pipeline(declared("cdc"))
    entries = {e.stage: e for e in listed(graph)}
    assert (entries["topic_orders"].depth, entries["topic_orders"].others) == (1, ["connector"])
    assert (entries["api_orders"].depth, entries["api_orders"].others) == (3, [])
    assert entries["delta_quarantine"].depth == 0
    assert "topic_orders" in entries["delta_quarantine"].others


def test_of_a_pipeline_that_is_gone_the_pairs_of_the_ledger_are_drawn() -> None:
    kinds = {"lake": "delta_table", "topic": "debezium_topic", "pg": "postgres_table", "alone": "files"}
    graph = Graph.of_pairs(kinds, [("pg", "lake"), ("topic", "lake"), ("pg", "topic"), ("gone", "lake")])
    assert dict(graph.upstream) == {"pg": (), "alone": (), "topic": ("pg",), "lake": ("pg", "topic")}
    assert graph.is_topic("topic")
    around = Graph.of_pairs({"a": "files", "b": "files"}, [("a", "b"), ("b", "a")])
    assert set(around.upstream) == {"a", "b"}
