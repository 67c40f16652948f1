"""The page of the configuration: what stands in a ``defs.yaml``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydantic import BaseModel

from documentation.fields import fields_table, nested_models
from documentation.markdown import head, prose, table, text
from pipeline_checks.model.contract import Column, Contract
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.stages.registry import KINDS, declaration_class
from pipeline_checks.verification.definition import FIELDS, TYPE

_OF_PIPELINE: Final = {
    "name": "the pipeline's name; required",
    "description": "what people read in lists and in Dagster",
    "flow": "a module whose `services()` returns what moves the data, for `up`, `run` and `down`",
    "seed": "a module that writes seed data, for `seed` and `run`",
    "scenarios": "a module whose `scenarios()` returns ways to damage the pipeline, for `scenario`",
    "engine": "where rows are computed: an [EngineDeclaration](#enginedeclaration); this process when left out",
    "contracts": "contracts by name, which stages share with `contract: NAME`",
    "stages": "the stages in the order of the data; required",
    "alerts": "who is told of what went wrong and of what recovered",
    "owners": "who is asked about it: e-mail addresses, or `team:NAME`",
}
"""What the fields of a pipeline hold; the page cannot be made while one of them is not told."""

_INTRODUCTION = (
    "A file `defs/<name>/defs.yaml` of a project declares a pipeline. A mistake in it is told with file, line, field "
    "and the fix, all of them at once.",
    f"```yaml\ntype: {TYPE}\nattributes:\n  name: shop\n  stages:\n    - name: customers\n      kind: delta_table\n"
    "      path: {env: SHOP_LAKE}\n      contract: {key: [customer_id], columns: {customer_id: int64}}\n```",
    "Durations are written with their unit: `500ms`, `30s`, `10m`, `2h`, `1d`. A field that takes `{env: NAME}` is "
    "looked up when the stage is used: in the environment first, then in the `stack.env` of the running stack. A "
    "literal password is refused.",
)


def page() -> str:
    """Return the page."""
    lines = head("Configuration", *_INTRODUCTION)
    lines += ["## A pipeline", "", *table(("field", "what is written"), _pipeline_rows())]
    for name, inner in nested_models(Pipeline, {"stages"}).items():
        lines += [f"### {name}", "", prose(inner), "", *fields_table(inner)]
    lines += ["## A stage", "", prose(StageDeclaration), ""]
    lines += ["`{for_each: {table: [customers, orders]}, stages: [...]}` repeats stages with `{table}` filled in.", ""]
    lines += fields_table(StageDeclaration)
    for name, inner in nested_models(StageDeclaration, {"contract"}).items():
        lines += [f"### {name}", "", prose(inner), "", *fields_table(inner)]
    lines += ["## Contract", "", prose(Contract), "", *fields_table(Contract, {"columns"})]
    lines += ["`columns` maps a column's name to its promises. The checks that a contract can configure by their name"]
    lines += ["are told in [checks](checks.md).", "", "### Column", "", prose(Column), "", *fields_table(Column)]
    lines += ["## Kinds of stages", "", " · ".join(f"[{kind}](#{kind})" for kind in KINDS), ""]
    for kind in KINDS:
        lines += _kind(kind)
    return text(lines)


def _pipeline_rows() -> Iterator[tuple[str, str]]:
    for field in FIELDS:
        yield f"`{field}`", _OF_PIPELINE[field]


def _kind(kind: str) -> Iterator[str]:
    model: type[BaseModel] = declaration_class(kind)
    common = {name for name in StageDeclaration.model_fields if name in model.model_fields}
    yield from (f"### {kind}", "", prose(model), "", *fields_table(model, common))
    for name, inner in nested_models(model, common).items():
        yield from (f"#### {name}", "", prose(inner), "", *fields_table(inner))
