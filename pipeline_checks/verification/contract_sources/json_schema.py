"""Contracts from the JSON Schema of an object."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from pipeline_checks.model.contract import Column, Contract
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.verification.contract_sources.files import json_of
from pipeline_checks.verification.contract_sources.patterns import length_pattern, part_pattern
from pipeline_checks.verification.contract_sources.source import unsupported

_TYPES: Final = {
    "integer": "int64",
    "number": "float64",
    "boolean": "bool",
    "object": "json",
    "array": "json",
    "string": "string",
}
_FORMATS: Final = {"date-time": "timestamptz", "date": "date", "uuid": "uuid"}
_SAID: Final = frozenset(
    {"$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "examples", "default", "type"}
    | {"format", "readOnly", "writeOnly", "deprecated", "enum", "const", "minimum", "maximum", "pattern"}
    | {"minLength", "maxLength", "$ref", "anyOf", "oneOf"}
)
"""Keywords that are taken, or that promise nothing."""
_OF_OBJECTS: Final = frozenset({"properties", "required", "additionalProperties", "items", "propertyNames"})
PROMISE: Final = "json_schema"
"""The promise by which every message of a topic is held against the schema itself."""


def contract_of(file: str, *, beside: Collection[str] = ()) -> Contract:
    """Return the contract of the schema in ``file``.

    Taken are the properties with their types, what is required, ``enum``, ``const``, ``minimum``, ``maximum``,
    ``pattern`` and lengths. What else the schema says is refused, unless the contract promises ``json_schema`` too, so
    that every message is judged by the whole of it. JSON Schema has no key: it is written beside the schema.
    """
    return contract_of_schema(json_of(file), file, is_judged_whole=PROMISE in beside)


def contract_of_schema(schema: Any, place: str, *, is_judged_whole: bool = False) -> Contract:
    """Return the contract of a schema that was read already; ``place`` is how messages name it."""
    if not isinstance(schema, Mapping) or not isinstance(schema.get("properties"), Mapping):
        raise ConfigurationError(
            f"{place} is no JSON Schema of an object: it has no properties.", next_step="Name the schema of the rows."
        )
    required = frozenset(schema.get("required") or ())
    reader = _Reader(schema, place, is_judged_whole)
    for word in schema.keys() - _SAID - _OF_OBJECTS:
        reader.leave_out("the whole object", word)
    return Contract(columns={n: reader.column(str(n), p, n in required) for n, p in schema["properties"].items()})


class _Reader:
    def __init__(self, schema: Mapping[str, Any], place: str, is_judged_whole: bool) -> None:
        self._schema = schema
        self._place = place
        self._is_judged_whole = is_judged_whole

    def column(self, name: str, written: Any, is_required: bool) -> Column:
        described, may_be_null = self._described(name, written)
        kind = described.get("type")
        kinds = [kind] if isinstance(kind, str) else list(kind or _kinds_of_values(described))
        may_be_null |= "null" in kinds or None in (described.get("enum") or ())
        kinds = [k for k in kinds if k != "null"]
        if len(kinds) != 1 or kinds[0] not in _TYPES:
            if not self._is_judged_whole:
                raise unsupported(self._place, name, "no single type", _WHOLE)
            kinds = ["object"]
        type_ = _TYPES[kinds[0]]
        if kinds[0] == "string":
            type_ = _FORMATS.get(str(described.get("format")), "string")
        promises = {}
        if kinds[0] not in ("object", "array"):
            promises = dict(self._promises(name, described, type_))
        elif not self._is_judged_whole and (described.keys() & _OF_OBJECTS):
            self.leave_out(name, "promises about what is inside of it")
        return Column(type=type_, nullable=may_be_null or not is_required, **promises)

    def leave_out(self, where: str, word: str) -> None:
        if not self._is_judged_whole:
            raise unsupported(self._place, where, word, _WHOLE)

    def _promises(self, name: str, described: Mapping[str, Any], type_: str) -> Iterator[tuple[str, Any]]:
        for word in described.keys() - _SAID:
            self.leave_out(name, word)
        if "const" in described:
            yield "accepted", [described["const"]]
        elif described.get("enum"):
            yield "accepted", [value for value in described["enum"] if value is not None]
        for word, promise in (("minimum", "min"), ("maximum", "max")):
            if word in described:
                yield promise, described[word]
        patterns = []
        if "pattern" in described:
            patterns.append(part_pattern(str(described["pattern"])))
        if "minLength" in described or "maxLength" in described:
            length = length_pattern(described.get("minLength"), described.get("maxLength"))
            patterns += [length] if length is not None else []
            if length is None:
                self.leave_out(name, "a length beyond 1000")
        if patterns and type_ == "string":
            yield "matches", patterns[0]
        if len(patterns) > 1 or (patterns and type_ != "string"):
            self.leave_out(name, "a pattern beside a length or a format")

    def _described(self, name: str, written: Any) -> tuple[Mapping[str, Any], bool]:
        """What is said of a property, its reference followed, without the null of a choice."""
        if not isinstance(written, Mapping):
            raise unsupported(self._place, name, "no description")
        described, may_be_null = written, False
        for word in ("anyOf", "oneOf"):
            choices = described.get(word)
            if choices:
                left = [c for c in choices if not (isinstance(c, Mapping) and c.get("type") == "null")]
                may_be_null |= len(left) < len(choices)
                if len(left) == 1:
                    inner, nullable = self._described(name, left[0])
                    described = {**{k: v for k, v in described.items() if k != word}, **inner}
                    may_be_null |= nullable
                else:
                    self.leave_out(name, word)
        reference = described.get("$ref")
        if isinstance(reference, str):
            inner, nullable = self._described(name, self._referred(name, reference))
            return {**inner, **{k: v for k, v in described.items() if k != "$ref"}}, may_be_null or nullable
        return described, may_be_null

    def _referred(self, name: str, reference: str) -> Any:
        found: Any = self._schema
        for part in reference.removeprefix("#/").split("/") if reference.startswith("#/") else ("",):
            found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
        if found is None:
            raise unsupported(self._place, name, f"a reference to {reference}")
        return found


_WHOLE: Final = "Of a topic promise it beside the schema, json_schema: FILE, so that every message is held against it."


def _kinds_of_values(described: Mapping[str, Any]) -> list[str]:
    values = [*(described.get("enum") or ()), *([described["const"]] if "const" in described else ())]
    words = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
    return list(dict.fromkeys(words.get(type(value), "object") for value in values))
