"""The page of the checks: what each promises, of which stages, and how it is configured."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import get_type_hints

from pydantic import BaseModel

from documentation.fields import fields_table, nested_models
from documentation.markdown import head, markup, prose, text
from pipeline_checks.checks.judging import NothingToConfigure
from pipeline_checks.checks.registry import KINDS, check
from pipeline_checks.model.check import Check

_INTRODUCTION = (
    "A check is one promise about one stage. A stage gets those that apply to it; what a contract says under the name "
    "of a check is its configuration:",
    "```yaml\ncontract:\n  key: [customer_id]\n  freshness: {within: 10m}\n  columns: {customer_id: int64}\n```",
    "Which checks a stage has got is told by `pipeline-checks list PIPELINE`; what a verdict says stands in "
    "[verdicts](verdicts.md).",
)


def page() -> str:
    """Return the page."""
    lines = head("Checks", *_INTRODUCTION)
    lines += [" · ".join(f"[{kind}](#{kind})" for kind in KINDS), ""]
    for kind in KINDS:
        lines += _section(check(kind))
    return text(lines)


def _section(found: Check) -> Iterator[str]:
    yield from (f"## {found.kind}", "")
    yield from (_sentence(_of_module(found)), "")
    yield from (f"**Of which stages:** {markup(prose(type(found).applies_to))}", "")
    yield from (f"**How:** {prose(type(found))}", "")
    configuration = configuration_of(found)
    if configuration is NothingToConfigure:
        yield from ("Nothing to configure.", "")
        return
    yield from (f"**Configuration:** {prose(configuration)}", "")
    lines = fields_table(configuration)
    own = configuration.__name__
    if any(f"(#{own.lower()})" in line for line in lines):  # it stands within itself
        yield from (f'<a id="{own.lower()}">{own}</a>', "")
    yield from lines
    for name, model in nested_models(configuration).items():
        yield from (f"### {name}", "", prose(model), "", *fields_table(model))


def configuration_of(found: Check) -> type[BaseModel]:
    """Return the model of what a contract says to a check."""
    model = get_type_hints(type(found).configure)["return"]
    assert isinstance(model, type) and issubclass(model, BaseModel), found.kind
    return model


def _of_module(found: Check) -> str:
    said = (sys.modules[type(found).__module__].__doc__ or "").strip()
    return markup(said.partition(": ")[2])


def _sentence(said: str) -> str:
    return said[:1].upper() + said[1:]
