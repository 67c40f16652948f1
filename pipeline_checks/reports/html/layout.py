"""Where the stages of a pipeline stand in its picture: columns by distance from the source, few crossings, short edges.

The method of Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures" (1981):
layers by longest path, edges over several layers through places of their own, order by the mean of the neighbours.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

_SWEEPS = 12
_GAP_OF_AN_EDGE = 0.45
"""What an edge that passes a column takes of it, where a stage takes 1."""


@dataclass(frozen=True)
class Place:
    """Column, counted from 0, and height in units of one stage."""

    column: int
    y: float


@dataclass(frozen=True)
class Layout:
    """Places of the stages, and for each edge the places that it passes, its ends included."""

    places: Mapping[str, Place]
    edges: Mapping[tuple[str, str], Sequence[Place]]

    @property
    def columns(self) -> int:
        """How many columns there are."""
        return max((p.column for p in self.places.values()), default=-1) + 1

    @property
    def height(self) -> float:
        """How high the picture is, in units of one stage."""
        return max((p.y for p in self.places.values()), default=-1.0) + 1.0


def layout(upstream: Mapping[str, Sequence[str]], light: Collection[str] = ()) -> Layout:
    """Return where stages stand; ``upstream`` maps each to those it is made from, which stand before it.

    Edges from and to the stages in ``light`` do not draw other stages out of their lines.
    """
    graph = _Graph(frozenset(light))
    for name, above in upstream.items():
        graph.add(name, [a for a in above if a in graph.layer_of])
    graph.order()
    y = graph.heights()
    least = min(y.values(), default=0.0)
    places = {node: Place(layer, y[node] - least) for node, layer in graph.layer_of.items()}
    return Layout(
        {name: places[name] for name in upstream},
        {edge: [places[node] for node in way] for edge, way in graph.ways.items()},
    )


_Node = str | tuple[str, str, int]
"""A stage, or a place where an edge passes a layer."""


@dataclass
class _Graph:
    light: frozenset[str]
    layer_of: dict[_Node, int] = field(default_factory=dict)
    ways: dict[tuple[str, str], list[_Node]] = field(default_factory=dict)
    layers: list[list[_Node]] = field(default_factory=list)
    above: dict[_Node, list[_Node]] = field(default_factory=dict)
    below: dict[_Node, list[_Node]] = field(default_factory=dict)

    def add(self, name: str, upstream: Sequence[str]) -> None:
        self._put(name, max((self.layer_of[a] + 1 for a in upstream), default=0))
        for origin in dict.fromkeys(upstream):
            way: list[_Node] = [origin]
            for layer in range(self.layer_of[origin] + 1, self.layer_of[name]):
                self._put((origin, name, layer), layer)
                way.append((origin, name, layer))
            way.append(name)
            for first, second in pairwise(way):
                self.below[first].append(second)
                self.above[second].append(first)
            self.ways[origin, name] = way

    def _put(self, node: _Node, layer: int) -> None:
        while len(self.layers) <= layer:
            self.layers.append([])
        self.layers[layer].append(node)
        self.layer_of[node] = layer
        self.above[node], self.below[node] = [], []

    def order(self) -> None:
        """Bring the nodes of each layer into the order of the mean of their neighbours, to and fro; keep the best."""
        best, fewest = self.layers, -1
        for sweep in range(_SWEEPS):
            forth = sweep % 2 == 0
            place = {node: share for layer in self.layers for node, share in _shares(layer)}
            for layer in self.layers if forth else self.layers[::-1]:
                near = self.above if forth else self.below
                layer.sort(key=lambda node: self._pull(node, near[node], place))
                place.update(_shares(layer))
            crossings = self._crossings()
            if fewest < 0 or crossings < fewest:
                best, fewest = [list(layer) for layer in self.layers], crossings
        self.layers = best

    def _crossings(self) -> int:
        """How often edges cross that count: not those from and to stages that are light."""
        number = 0
        for upper, lower in pairwise(self.layers):
            place = {node: i for i, node in enumerate(lower)}
            ends = [
                sorted(place[n] for n in self.below[node] if n not in self.light)
                for node in upper
                if node not in self.light
            ]
            passed: list[int] = []
            for of_node in ends:
                number += sum(len(passed) - bisect_right(passed, end) for end in of_node)
                for end in of_node:
                    insort(passed, end)
        return number

    def heights(self) -> dict[_Node, float]:
        """Move nodes as near to the mean of their neighbours as the order and the gaps between them let them."""
        y = {node: float(i) for layer in self.layers for i, node in enumerate(layer)}
        for sweep in range(_SWEEPS):
            for layer in self.layers if sweep % 2 == 0 else self.layers[::-1]:
                wanted = [self._pull(node, (*self.above[node], *self.below[node]), y) for node in layer]
                y.update(zip(layer, _spread(wanted, [_size(node) for node in layer]), strict=True))
        return y

    def _pull(self, node: _Node, near: Sequence[_Node], place: Mapping[_Node, float]) -> float:
        """Where its neighbours draw a node: to their mean, and to where it is when it has none that count."""
        counted = [n for n in near if node in self.light or n not in self.light]
        return sum(place[n] for n in counted) / len(counted) if counted else place[node]


def _shares(layer: Sequence[_Node]) -> list[tuple[_Node, float]]:
    """Each node of a layer with its place in it, comparable with those in layers of other lengths."""
    return [(node, (i + 0.5) / len(layer)) for i, node in enumerate(layer)]


def _size(node: _Node) -> float:
    return 1.0 if isinstance(node, str) else _GAP_OF_AN_EDGE


def _spread(wanted: Sequence[float], sizes: Sequence[float]) -> list[float]:
    """Return the heights nearest to those wanted (least squares) that keep the order and do not overlap.

    Pool adjacent violators: without the room between them, heights must only not fall.

    >>> _spread([0.0, 0.0], [1.0, 1.0])
    [-0.5, 0.5]
    """
    room, before = [0.0], sizes[0] if sizes else 0.0
    for size in sizes[1:]:
        room.append(room[-1] + (before + size) / 2)
        before = size
    pools: list[tuple[float, int]] = []
    for value, offset in zip(wanted, room, strict=False):
        mean, number = value - offset, 1
        while pools and pools[-1][0] > mean:
            other, count = pools.pop()
            mean, number = (mean * number + other * count) / (number + count), number + count
        pools.append((mean, number))
    flat = [mean for mean, number in pools for _ in range(number)]
    return [value + offset for value, offset in zip(flat, room, strict=False)]
