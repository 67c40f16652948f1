"""Reads the configuration: defaults, then the file, then the environment, then what is given."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from pipeline_checks.clients.settings import setting
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.pipelines.sales.flow.configuration.model import ENVIRONMENT, Configuration, Document

_PREFIX = "E2E_"


def load(
    path: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    override: Mapping[str, Mapping[str, Any]] | None = None,
) -> Configuration:
    """Return the configuration.

    Parameters
    ----------
    path:
        YAML or JSON; ``SALES_CONFIG`` where None, and defaults where that is not set either.
    override:
        Values by section and field that go before all others.

    Raises ConfigurationError naming file, line and field, or the variable, of what is unknown or out of its limits.
    """
    variables = os.environ if environment is None else environment
    if path is None:
        named = variables.get("SALES_CONFIG") or (setting("SALES_CONFIG", "") if environment is None else "")
        path = Path(named) if named else None
    document, tree = ({}, None) if path is None else _read(path)
    set_by = {}
    for name, (section, field) in ENVIRONMENT.items():
        if variables.get(name):
            document.setdefault(section, {})[field] = variables[name]
            set_by[section, field] = name
    _refuse_unknown(variables)
    for section, values in (override or {}).items():
        document.setdefault(section, {}).update(values)
        for field in values:
            set_by[section, field] = f"{section}.{field}, as given"
    try:
        return Configuration.model_validate(document)
    except ValidationError as problem:
        told = "; ".join(_told(e["loc"], e["msg"], path, tree, set_by) for e in problem.errors(include_input=False))
        raise ConfigurationError(f"{told}.", next_step="Correct it: docs/sales.md lists what there is.") from None


def _read(path: Path) -> tuple[Document, yaml.Node | None]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise ConfigurationError(
            f"the configuration {path} cannot be read: {reason}.", next_step="Correct SALES_CONFIG or --config."
        ) from None
    try:
        document, tree = yaml.safe_load(text), yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise ConfigurationError(f"{path}{line}: {getattr(problem, 'problem', problem)}.") from None
    if document is None:
        return {}, None
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path}, line 1: sections are expected, such as `test_data:`.")
    _refuse_doubled(path, tree)
    whole = {k: dict(v) if isinstance(v, dict) else {} if v is None else v for k, v in document.items()}
    wrong = next((k for k, v in whole.items() if not isinstance(v, dict)), None)
    if wrong is not None:
        raise ConfigurationError(f"{path}, line {_line(tree, (wrong,))}, {wrong}: fields are expected below it.")
    return whole, tree


def _refuse_doubled(path: Path, node: yaml.Node | None) -> None:
    """Refuse a field that is given twice: the reader would take the last in silence."""
    if not isinstance(node, yaml.MappingNode):
        return
    seen = set()
    for key, value in node.value:
        if key.value in seen:
            raise ConfigurationError(f"{path}, line {key.start_mark.line + 1}, {key.value}: it is there twice.")
        seen.add(key.value)
        _refuse_doubled(path, value)


def _told(
    place: Sequence[int | str],
    message: str,
    path: Path | None,
    tree: yaml.Node | None,
    set_by: Mapping[tuple[str, str], str],
) -> str:
    names = [str(p) for p in place]
    said = "there is no such field" if message.startswith("Extra inputs") else message.removeprefix("Value error, ")
    if len(names) >= 2 and (names[0], names[1]) in set_by:
        return f"{set_by[names[0], names[1]]}: {said}"
    where = "" if path is None else f"{path}, line {_line(tree, place)}, "
    return f"{where}{'.'.join(names) or 'the whole'}: {said}"


def _line(node: yaml.Node | None, place: Sequence[int | str]) -> int:
    """Return the line of a field; of the nearest section around it where it is not written."""
    line = 1 if node is None else node.start_mark.line + 1
    for name in place:
        if not isinstance(node, yaml.MappingNode):
            break
        found = next(((k, v) for k, v in node.value if k.value == str(name)), None)
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return line


def _refuse_unknown(variables: Mapping[str, str]) -> None:
    known = {n for n in ENVIRONMENT if n.startswith(_PREFIX)}
    unknown = sorted(n for n in variables if n.startswith(_PREFIX) and n not in known)
    if unknown:
        raise ConfigurationError(
            f"the environment sets {', '.join(unknown)}, which nothing reads.",
            next_step=f"Correct or remove it; known are {', '.join(sorted(known))}.",
        )
