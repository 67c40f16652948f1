"""The picture of a pipeline: boxes and curves of an SVG, and the same as an indented list for narrow screens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline_checks.reports.html.graph import Graph
from pipeline_checks.reports.html.layout import Place, layout

BOX_WIDTH, BOX_HEIGHT = 224, 42
_STEP_X, _STEP_Y = 284, 52
_LETTERS = 27
"""Characters of a name that a box has room for."""


@dataclass(frozen=True)
class Box:
    """A stage at its place."""

    stage: str
    name: str
    x: float
    y: float


@dataclass(frozen=True)
class Curve:
    """A way of data, from the stage ``source`` to ``target``; thin where no rows go that way."""

    source: str
    target: str
    path: str
    is_thin: bool


@dataclass(frozen=True)
class Picture:
    """Everything that is drawn, and how large it is."""

    width: int
    height: int
    boxes: Sequence[Box]
    curves: Sequence[Curve]


@dataclass(frozen=True)
class Entry:
    """A stage in the list: how deep it stands, and what else it is made from than the stage above it."""

    stage: str
    depth: int
    others: Sequence[str]


def draw(graph: Graph) -> Picture:
    """Return the picture of a graph."""
    found = layout(graph.upstream, light=graph.rowless)
    boxes = [Box(name, _name(name), *_corner(place)) for name, place in found.places.items()]
    curves = [
        Curve(source, target, _curve(way), not (graph.holds_rows(source) and graph.holds_rows(target)))
        for (source, target), way in found.edges.items()
    ]
    width = (found.columns - 1) * _STEP_X + BOX_WIDTH + 4
    return Picture(width, round((found.height - 1) * _STEP_Y + BOX_HEIGHT) + 4, boxes, curves)


def listed(graph: Graph) -> list[Entry]:
    """Return the stages as a list, each below the one that its rows come from; one of several parents stands alone."""
    parent = {name: parents[0] for name in graph.upstream if len(parents := graph.parents(name)) == 1}
    below: dict[str | None, list[str]] = {}
    for name in graph.upstream:
        below.setdefault(parent.get(name), []).append(name)
    entries: list[Entry] = []

    def tell(name: str, depth: int) -> None:
        others = [above for above in graph.upstream[name] if above != parent.get(name)]
        entries.append(Entry(name, depth, others))
        for child in below.get(name, ()):
            tell(child, depth + 1)

    for name in below.get(None, ()):
        tell(name, 0)
    return entries


def _name(stage: str) -> str:
    """The name with its middle left out where it is long: beginning and end tell stages apart."""
    if len(stage) <= _LETTERS:
        return stage
    kept = (_LETTERS - 1) // 2
    return f"{stage[: _LETTERS - 1 - kept]}…{stage[-kept:]}"


def _corner(place: Place) -> tuple[float, float]:
    return 2 + place.column * _STEP_X, round(2 + place.y * _STEP_Y, 1)


def _curve(way: Sequence[Place]) -> str:
    x, y = _corner(way[0])
    start = (x + BOX_WIDTH, y + BOX_HEIGHT / 2)
    path = f"M{start[0]:g} {start[1]:g}"
    for i, place in enumerate(way[1:], 1):
        x, y = _corner(place)
        y += BOX_HEIGHT / 2
        half = (start[0] + x) / 2
        path += f"C{half:g} {start[1]:g} {half:g} {y:g} {x:g} {y:g}"
        start = (x, y)
        if i < len(way) - 1:  # a place that the edge only passes
            path += f"h{BOX_WIDTH}"
            start = (x + BOX_WIDTH, y)
    return path
