"""The fields of a model as a table: name, what is written there, what holds when it is left out."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from documentation.markdown import table
from pipeline_checks.model.duration import Duration
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.secret import EnvironmentVariable, SecretSetting, Setting

_HEAD = ("field", "what is written", "when left out")
_WORDS: dict[Any, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    bytes: "text",
    Any: "anything",
    type(None): "nothing",
    LogicalType: "a logical type",
    EnvironmentVariable: "`{env: NAME}`",
}
_LIMITS = {"gt": "> {}", "ge": ">= {}", "lt": "< {}", "le": "<= {}"}


def fields_table(model: type[BaseModel], leave_out: Iterable[str] = ()) -> list[str]:
    """Return the fields of a model, the required ones first, without those that are told elsewhere."""
    shown = [(name, field) for name, field in model.model_fields.items() if name not in set(leave_out)]
    shown.sort(key=lambda item: not item[1].is_required())
    return table(_HEAD, ((f"`{f.alias or name}`", what(f), _left_out(f)) for name, f in shown))


def nested_models(model: type[BaseModel], leave_out: Iterable[str] = ()) -> dict[str, type[BaseModel]]:
    """Return the models that stand in the fields of a model and of those, by name, each once."""
    found: dict[str, type[BaseModel]] = {}
    pending = [inner for name, f in model.model_fields.items() if name not in set(leave_out) for inner in _models(f)]
    while pending:
        inner = pending.pop(0)
        if inner is not model and inner.__name__ not in found:
            found[inner.__name__] = inner
            pending += [further for f in inner.model_fields.values() for further in _models(f)]
    return found


def what(field: FieldInfo) -> str:
    """Return in words what is written in a field, its limits included."""
    if any(m is SecretSetting or isinstance(m, SecretSetting) for m in field.metadata):
        return "`{env: NAME}`"
    if any(m is Setting or isinstance(m, Setting) for m in field.metadata):
        return "text or `{env: NAME}`"
    limits = [_LIMITS[k].format(v) for m in field.metadata for k in _LIMITS if (v := getattr(m, k, None)) is not None]
    return ", ".join((_words(field.annotation, field.metadata), *limits))


def _words(annotation: Any, metadata: Sequence[Any] = ()) -> str:
    if _is_duration(annotation, metadata):
        return "a duration such as `10m`"
    if annotation in _WORDS:
        return _WORDS[annotation]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " or ".join(f"`{member.value}`" for member in annotation)
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inner)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_words(a) for a in inner if a is not type(None)))
    if origin in (tuple, list, set, frozenset):
        return f"a list of {_words(inner[0])}" if inner else "a list"
    if origin in (dict, Mapping) or (isinstance(origin, type) and issubclass(origin, Mapping)):
        return f"a mapping of {_words(inner[0])} to {_words(inner[1])}"
    if hasattr(annotation, "__metadata__"):
        return "text or `{env: NAME}`" if Setting in annotation.__metadata__ else _words(inner[0], inner[1:])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    return "`" + getattr(annotation, "__name__", str(annotation)) + "`"


def _is_duration(annotation: Any, metadata: Sequence[Any]) -> bool:
    of_duration = getattr(Duration, "__metadata__", ())
    if annotation is Duration:
        return True
    return annotation is float and any(m is d for m in metadata for d in of_duration if callable(getattr(d, "func", d)))


def _models(field: FieldInfo) -> list[type[BaseModel]]:
    found: list[type[BaseModel]] = []
    pending: list[Any] = [field.annotation]
    while pending:
        annotation = pending.pop(0)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            if annotation is not EnvironmentVariable:
                found.append(annotation)
        elif get_origin(annotation) is not Literal:
            pending += get_args(annotation)
    return found


def _left_out(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.default
    if default is PydanticUndefined or isinstance(default, BaseModel):
        return ""
    if default in (None, "", (), {}):
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, float):
        return f"`{default:g}s`" if _is_duration(field.annotation, field.metadata) else f"`{default:g}`"
    if isinstance(default, tuple | list | frozenset | set):
        return "`[" + ", ".join(map(str, default)) + "]`"
    return f"`{default}`"
