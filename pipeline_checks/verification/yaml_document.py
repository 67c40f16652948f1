"""YAML files read so that the line of every value is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

import yaml

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.verification.places import Path, field_name

_MERGE = "tag:yaml.org,2002:merge"
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The safe loader (that of libyaml where it is there), but dates stay text, as Dagster's loader leaves them."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Document:
    """One document of a YAML file: its value as plain data, and the line (counted from 1) of every path in it."""

    file: str
    value: Any
    lines: dict[Path, int] = field(repr=False)

    def locate(self, path: Path) -> tuple[str, int | None]:
        """Return the file and the line of a path, or of the nearest one that encloses it."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return self.file, self.lines[path[:end]]
        return self.file, None


def read_documents(file: File, shown_as: str | None = None) -> list[Document]:
    """Return the documents of a YAML file.

    ``shown_as`` is how messages name the file. Raises ConfigurationError when it is not YAML, cannot be read, or
    holds a field twice.
    """
    name = shown_as or str(file)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigurationError(f"{name}: cannot be read: {problem}", next_step="Correct the file.") from None
    return documents_of(text, name)


def documents_of(text: str, name: str) -> list[Document]:
    """Return the documents of a text in YAML that messages call ``name``; raises as ``read_documents`` does."""
    try:
        return list(_documents(text, name))
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        line = f":{mark.line + 1}" if mark is not None else ""
        what = ", ".join(str(p) for p in (problem.context, problem.problem) if p)
        raise ConfigurationError(f"{name}{line}: not valid YAML: {what}", next_step="Correct that line.") from None
    except yaml.YAMLError as problem:
        raise ConfigurationError(f"{name}: cannot be read: {problem}", next_step="Correct the file.") from None


def _documents(text: str, name: str) -> Iterator[Document]:
    loader = _Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is None:
                continue
            lines: dict[Path, int] = {(): node.start_mark.line + 1}
            value = _plain(loader, node, (), lines, name)
            if value is not None:
                yield Document(name, value, lines)
    finally:
        loader.dispose()


def _plain(loader: _Loader, node: yaml.Node, path: Path, lines: dict[Path, int], file: str) -> Any:
    if isinstance(node, yaml.MappingNode):
        _refuse_doubles(node, path, file)
        loader.flatten_mapping(node)
        result: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node, deep=True)
            here = (*path, key if isinstance(key, int) and not isinstance(key, bool) else str(key))
            lines[here] = key_node.start_mark.line + 1
            result[key] = _plain(loader, value_node, here, lines, file)
        return result
    if isinstance(node, yaml.SequenceNode):
        items = []
        for index, item in enumerate(node.value):
            lines[(*path, index)] = item.start_mark.line + 1
            items.append(_plain(loader, item, (*path, index), lines, file))
        return items
    return loader.construct_object(node, deep=True)


def _refuse_doubles(node: yaml.MappingNode, path: Path, file: str) -> None:
    """YAML lets the last of two equal fields win, silently; here it is an error."""
    seen: dict[str, int] = {}
    for key_node, _ in node.value:
        if key_node.tag == _MERGE or not isinstance(key_node, yaml.ScalarNode):
            continue
        line = key_node.start_mark.line + 1
        if key_node.value in seen:
            raise ConfigurationError(
                f"{file}:{line}: {field_name((*path, key_node.value))}: written twice, first in line "
                f"{seen[key_node.value]}",
                next_step="Remove one of the two.",
            )
        seen[key_node.value] = line
