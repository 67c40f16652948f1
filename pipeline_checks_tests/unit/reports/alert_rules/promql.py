"""What of PromQL our rules use, evaluated over scrapes; ``test_prometheus.py`` sets it against Prometheus itself."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any

import promql_parser as promql
from prometheus_client.core import Metric

Labels = tuple[tuple[str, str], ...]
Vector = dict[Labels, float]
STALE_SECONDS = 300.0
_NAME = "__name__"


@dataclass
class Scrapes:
    """Series as a server that scraped them holds them."""

    series: dict[Labels, list[tuple[float, float]]]
    instants: list[float]

    @classmethod
    def of(cls, scraped: Sequence[tuple[float, Iterable[Metric]]]) -> Scrapes:
        """Return the series of metrics that were scraped at instants."""
        found: dict[Labels, list[tuple[float, float]]] = {}
        for at, metrics in scraped:
            for family in metrics:
                for one in family.samples:
                    labels = tuple(sorted({_NAME: one.name, **one.labels}.items()))
                    found.setdefault(labels, []).append((at, one.value))
        return cls(found, [at for at, _ in scraped])

    def matching(self, selector: promql.VectorSelector) -> Iterable[tuple[Labels, list[tuple[float, float]]]]:
        matchers = [(str(m.op), m.name, m.value) for m in selector.matchers.matchers]
        for labels, samples in self.series.items():
            known = dict(labels)
            if known[_NAME] == selector.name and all(_matches(*m, known) for m in matchers):
                yield labels, samples


def _matches(sign: str, name: str, wanted: str, labels: Mapping[str, str]) -> bool:
    value = labels.get(name, "")
    match sign:
        case "MatchOp.Equal":
            return value == wanted
        case "MatchOp.Re":
            return re.fullmatch(wanted, value) is not None
    raise AssertionError(f"no rule of ours used {sign}")


class Query:
    """An expression, evaluated at instants."""

    def __init__(self, text: str) -> None:
        self._expression = promql.parse(text)

    def at(self, scrapes: Scrapes, at: float) -> Vector:
        """Return the series that the expression yields, without their names."""
        found = _evaluate(self._expression, scrapes, at)
        assert isinstance(found, dict)
        return found


def _evaluate(node: Any, scrapes: Scrapes, at: float) -> Vector | float:
    match node:
        case promql.NumberLiteral():
            return float(node.val)
        case promql.ParenExpr():
            return _evaluate(node.expr, scrapes, at)
        case promql.VectorSelector():
            return _instant(node, scrapes, at)
        case promql.AggregateExpr():
            return _aggregate(node, scrapes, at)
        case promql.BinaryExpr():
            return _binary(node, scrapes, at)
        case promql.Call():
            return _call(node, scrapes, at)
    raise AssertionError(f"no rule of ours used {type(node).__name__}")


def _instant(node: promql.VectorSelector, scrapes: Scrapes, at: float) -> Vector:
    newest = max((t for t in scrapes.instants if at - STALE_SECONDS < t <= at), default=None)
    # A series that the newest scrape does not have any more is stale at once.
    return {ls: v for ls, samples in scrapes.matching(node) for t, v in samples if t == newest}


def _unnamed(labels: Labels) -> Labels:
    return tuple(pair for pair in labels if pair[0] != _NAME)


def _aggregate(node: promql.AggregateExpr, scrapes: Scrapes, at: float) -> Vector:
    inner = _evaluate(node.expr, scrapes, at)
    assert isinstance(inner, dict)
    kept = set(node.modifier.labels)
    by: dict[Labels, list[float]] = {}
    for labels, value in inner.items():
        by.setdefault(tuple(pair for pair in labels if pair[0] in kept), []).append(value)
    chosen: Callable[[list[float]], float] = max if node.prettify().startswith("max") else sum
    return {labels: chosen(values) for labels, values in by.items()}


_OPERATORS: dict[str, Callable[[float, float], float | bool]] = {
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
    "-": operator.sub,
    "*": operator.mul,
}


def _binary(node: promql.BinaryExpr, scrapes: Scrapes, at: float) -> Vector | float:
    left, right = _evaluate(node.lhs, scrapes, at), _evaluate(node.rhs, scrapes, at)
    sign = _sign(node)
    apply = _OPERATORS[sign]
    if isinstance(left, float) and isinstance(right, float):
        return float(apply(left, right))
    assert not (isinstance(left, dict) and isinstance(right, dict)), "no rule of ours joins vectors"
    found: Vector = {}
    vector = left if isinstance(left, dict) else right
    assert isinstance(vector, dict)
    for labels, value in vector.items():
        result = apply(value, right) if vector is left else apply(left, value)  # type: ignore[arg-type]
        if isinstance(result, bool):
            if result:
                found[_unnamed(labels)] = value
        else:
            found[_unnamed(labels)] = result
    return found


def _sign(node: promql.BinaryExpr) -> str:
    """The parser tells an operator as a number only; between its two sides the text has it."""
    text, left, right = node.prettify(), node.lhs.prettify(), node.rhs.prettify()
    flat = [" ".join(part.split()) for part in (text, left, right)]
    return flat[0].removeprefix(flat[1]).removesuffix(flat[2]).strip()


def _call(node: promql.Call, scrapes: Scrapes, at: float) -> Vector | float:
    match node.func.name:
        case "time":
            return at
        case "absent":
            return {} if _evaluate(node.args[0], scrapes, at) else {(): 1.0}
        case "rate" | "increase" | "deriv" as name:
            return _over_time(name, node.args[0], scrapes, at)
    raise AssertionError(f"no rule of ours used {node.func.name}")


def _over_time(name: str, node: promql.MatrixSelector, scrapes: Scrapes, at: float) -> Vector:
    span: timedelta = node.range
    seconds, found = span.total_seconds(), {}
    for labels, samples in scrapes.matching(node.vector_selector):
        window = [(t, v) for t, v in samples if at - seconds <= t <= at]
        if len(window) < 2:
            continue
        found[_unnamed(labels)] = _slope(window) if name == "deriv" else _increase(window, at, seconds)
        if name == "rate":
            found[_unnamed(labels)] /= seconds
    return found


def _slope(window: list[tuple[float, float]]) -> float:
    """The least-squares slope."""
    n = len(window)
    mean_t, mean_v = sum(t for t, _ in window) / n, sum(v for _, v in window) / n
    return sum((t - mean_t) * (v - mean_v) for t, v in window) / sum((t - mean_t) ** 2 for t, _ in window)


def _increase(window: list[tuple[float, float]], at: float, seconds: float) -> float:
    """The increase of a counter, extrapolated to the ends of the range as Prometheus does."""
    risen = window[-1][1] - window[0][1]
    risen += sum(a for (_, a), (_, b) in pairwise(window) if b < a)  # it began anew
    sampled = window[-1][0] - window[0][0]
    mean = sampled / (len(window) - 1)
    to_start, to_end = window[0][0] - (at - seconds), at - window[-1][0]
    if risen > 0 and window[0][1] >= 0:
        to_start = min(to_start, sampled * window[0][1] / risen)
    span = sampled + sum(part if part < mean * 1.1 else mean / 2 for part in (to_start, to_end))
    return risen * span / sampled
