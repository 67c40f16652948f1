"""The proposal as the text of a ``defs.yaml``, with the reason of each promise beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import yaml

from pipeline_checks.introspection.found import Found, FoundColumn, LeftOut
from pipeline_checks.verification.definition import TYPE

_WIDE: Final = 10_000


def written(name: str, found: Sequence[Found], left_out: Iterable[LeftOut] = ()) -> str:
    """Return the text of the file that declares ``found`` as the stages of the pipeline ``name``."""
    by_name = {f.name: f for f in found}
    lines = [
        f"# The pipeline {name}, as `pipeline-checks init` found it. What is promised here is yours to change:",
        f"# `pipeline-checks check {name}` judges it, and what is wrong in this file is told with its line.",
        f"type: {TYPE}",
        "attributes:",
        f"  name: {name}",
        "  stages:",
    ]
    for place in found:
        lines += _stage(place, by_name)
    missing = list(left_out)
    if missing:
        lines += ["", "# Found and not taken:"]
        lines += [f"#   {_one_line(m.what)}: {_one_line(m.reason)}" for m in missing]
    return "\n".join(lines) + "\n"


def flow(value: Any) -> str:
    """Return a value as YAML on one line.

    >>> flow({"url": {"env": "SHOP_URL"}}), flow("yes"), flow(["a, b"])
    ('{url: {env: SHOP_URL}}', "'yes'", "['a, b']")
    """
    text = yaml.dump(
        [value], Dumper=_OnOneLine, default_flow_style=True, width=_WIDE, allow_unicode=True, sort_keys=False
    )
    return str(text).strip()[1:-1]


class _OnOneLine(yaml.SafeDumper):
    """The safe dumper, but a text with a line break or a control character stands in double quotes, as in JSON."""


def _text(dumper: _OnOneLine, value: str) -> yaml.ScalarNode:
    is_plain = value.isprintable()
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if is_plain else '"')


_OnOneLine.add_representer(str, _text)


def _stage(place: Found, by_name: Mapping[str, Found]) -> Iterator[str]:
    yield ""
    yield from (f"    # {_one_line(note)}" for note in place.notes)
    yield f"    - name: {place.name}"
    yield f"      kind: {place.kind}"
    if place.upstream:
        upstream = place.upstream[0] if len(place.upstream) == 1 else list(place.upstream)
        yield f"      from: {flow(upstream)}{_said(place.why_upstream)}"
    for name, value in place.fields.items():
        yield f"      {name}: {flow(value)}"
    if place.ignored:
        yield "      ignore:"
        yield from (f"        - {flow(column)}{_said(why)}" for column, why in place.ignored.items())
    yield from _contract(place, by_name)


def _contract(place: Found, by_name: Mapping[str, Found]) -> Iterator[str]:
    if not place.has_rows:
        return
    references = list(_references(place))
    if place.inherits:
        if (
            dict(place.references) != inherited_references(place, by_name)
            and place.fields.get("mode", "current") == "current"
        ):
            yield "      contract:"
            yield from references or ["        references: {}  # not all of the tables referred to are found here"]
        return
    yield "      contract:"
    if place.key is not None:
        yield f"        key: {flow(list(place.key.columns))}{_said(place.key.reason)}"
    else:
        yield "        key: []  # nothing was found that tells its rows apart: they are counted, not compared"
    if place.event_time is not None:
        yield f"        event_time: {flow(place.event_time.columns[0])}{_said(place.event_time.reason)}"
        if not place.upstream:
            yield "        # freshness: {within: 1h}  # how old its newest row may be"
    yield from references
    if place.columns:
        yield "        columns:"
        key = place.key.columns if place.key is not None else ()
        for name, column in place.columns.items():
            if name not in place.ignored:
                yield f"          {flow(name)}: {flow(_column(column, name in key))}"


def inherited_references(place: Found, by_name: Mapping[str, Found]) -> dict[str, str]:
    """Return the references of the contract that a place inherits: those of the first table that it comes from."""
    above = place
    while above.inherits and above.upstream:
        above = by_name[above.upstream[0]]
    return dict(above.references)


def _references(place: Found) -> Iterator[str]:
    if not place.references:
        return
    yield "        references:  # its foreign keys"
    for column, target in place.references.items():
        stage, _, other = target.partition(".")
        yield f"          {flow(column)}: {flow({'source': stage, 'column': other})}"


def _column(column: FoundColumn, in_key: bool) -> Any:
    promises: dict[str, Any] = {"type": str(column.type)}
    if not column.nullable or in_key:
        promises["nullable"] = False
    promises |= column.promises
    return promises["type"] if len(promises) == 1 else promises


def _said(reason: str) -> str:
    return f"  # {_one_line(reason)}" if reason else ""


def _one_line(text: str) -> str:
    """Names come from systems of others: a line break in one must not end the comment that it stands in."""
    return " ".join(text.split())
