"""``for_each``: a list of stages repeated with names filled in."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline_checks.verification.places import Path, Problem


@dataclass(frozen=True)
class RawStage:
    """A stage as it was written, after filling in, with the place where it stands in the file."""

    value: Mapping[str, Any]
    path: Path


def expand(items: Any, path: Path, problems: list[Problem]) -> list[RawStage]:
    """Return the stages of a list in which an item ``{for_each: {name: [...]}, stages: [...]}`` repeats its stages.

    ``{name}`` is filled in in every text of the repeated stages, names of fields included; several names give every
    combination. What is malformed is added to ``problems``.
    """
    return list(_expand(items, path, {}, problems))


def _expand(items: Any, path: Path, names: Mapping[str, str], problems: list[Problem]) -> Iterator[RawStage]:
    if not isinstance(items, list):
        problems.append(Problem(path, "must be a list of stages", "Write each stage as an item that begins with '-'."))
        return
    for index, item in enumerate(items):
        here = (*path, index)
        if not isinstance(item, Mapping):
            problems.append(Problem(here, "is not a stage", "A stage is a mapping with a name, a kind and more."))
        elif "for_each" in item:
            yield from _repeat(item, here, names, problems)
        else:
            yield RawStage(fill(item, names), here)


def _repeat(
    item: Mapping[str, Any], path: Path, names: Mapping[str, str], problems: list[Problem]
) -> Iterator[RawStage]:
    for extra in sorted(set(map(str, item)) - {"for_each", "stages"}):
        problems.append(Problem((*path, extra), "stands beside for_each", "Only `stages` stands there."))
    loops = item["for_each"]
    if not isinstance(loops, Mapping) or not loops or not all(isinstance(v, list) and v for v in loops.values()):
        fix = "Write for_each: {table: [customers, orders]}."
        problems.append(Problem((*path, "for_each"), "must map names to lists that are not empty", fix))
        return
    for combination in itertools.product(*loops.values()):
        filled = {**names, **{str(k): str(v) for k, v in zip(loops, combination, strict=True)}}
        yield from _expand(item.get("stages"), (*path, "stages"), filled, problems)


def fill(value: Any, names: Mapping[str, str]) -> Any:
    """Return ``value`` with ``{name}`` replaced in every text of it.

    >>> fill({"name": "pg_{table}", "accepts": ["{2}"]}, {"table": "orders"})
    {'name': 'pg_orders', 'accepts': ['{2}']}
    """
    if isinstance(value, str):
        for name, text in names.items():
            value = value.replace("{" + name + "}", text)
        return value
    if isinstance(value, Mapping):
        return {fill(k, names): fill(v, names) for k, v in value.items()}
    if isinstance(value, list):
        return [fill(v, names) for v in value]
    return value
