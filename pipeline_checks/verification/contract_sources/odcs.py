"""Contracts from data contracts of the Open Data Contract Standard (ODCS), version 3."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from pipeline_checks.model.contract import Column, Contract
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.verification.contract_sources.files import yaml_of
from pipeline_checks.verification.contract_sources.patterns import length_pattern, part_pattern
from pipeline_checks.verification.contract_sources.source import unsupported
from pipeline_checks.verification.contract_sources.sql_types import logical_type

_LOGICAL: Final = {
    "string": "string",
    "date": "date",
    "timestamp": "timestamptz",
    "time": "time",
    "number": "float64",
    "integer": "int64",
    "object": "struct",
    "array": "array",
    "boolean": "bool",
}
_NOTHING_PROMISED: Final = frozenset({"format", "timezone", "defaultTimezone", "customProperties"})
_OPERATORS: Final = ("mustBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan", "mustBeLessOrEqualTo")
_SECONDS: Final = {"s": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hr": 3600, "hour": 3600}
_SECONDS_OF_UNIT: Final = {**_SECONDS, "d": 86400, "day": 86400}


def contract_of(file: str, table: str | None = None, *, beside: Collection[str] = ()) -> Contract:
    """Return the contract of the object ``table`` (its name or physical name) in ``file``; of the only one when None.

    Taken are properties with types, required, primary key, limits, patterns and lengths; of quality rules null values,
    valid values, duplicates of the key and the number of rows; the freshness of ``slaProperties``. Rules in words are
    for people. What else is promised is refused: rules in SQL or for other tools, uniqueness beside the key.
    """
    document = yaml_of(file)
    if not isinstance(document, Mapping) or not str(document.get("apiVersion", "")).startswith("v3"):
        raise ConfigurationError(f"{file} is no data contract of ODCS v3.", next_step="See its field apiVersion.")
    described = _object(file, document.get("schema") or (), table)
    return _Reader(file, str(described.get("name"))).contract(described, document.get("slaProperties") or ())


def _object(file: str, objects: Sequence[Mapping[str, Any]], wanted: str | None) -> Mapping[str, Any]:
    named = [o for o in objects if wanted is None or wanted in (o.get("name"), o.get("physicalName"))]
    if len(named) != 1:
        known = ", ".join(str(o.get("name")) for o in objects) or "none"
        what = "which table is meant is not said" if wanted is None else f"there is no table {wanted!r}"
        raise ConfigurationError(f"{file}: {what}.", next_step=f"Write table: NAME. Known: {known}.")
    return named[0]


class _Reader:
    def __init__(self, file: str, table: str) -> None:
        self._file = file
        self._table = table

    def contract(self, described: Mapping[str, Any], levels: Sequence[Mapping[str, Any]]) -> Contract:
        properties: Sequence[Mapping[str, Any]] = described.get("properties") or ()
        key = self._key(properties)
        columns = {_name(p): self._column(p, key) for p in properties}
        promises: dict[str, Any] = {}
        for rule in self._rules(described, "the table"):
            promises |= self._rule_of_table(rule, key)
        named = {"key": key} if key else {}  # an empty one would say that nothing identifies a row
        return Contract(**named, columns=columns, **promises, **self._freshness(levels, columns))

    def _key(self, properties: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
        primary = [p for p in properties if p.get("primaryKey")]
        primary.sort(key=lambda p: int(p.get("primaryKeyPosition") or 0))
        single = [p for p in properties if p.get("unique") or any(map(_tells_unique, p.get("quality") or ()))]
        key = tuple(_name(p) for p in primary) or tuple(_name(p) for p in single[:1])
        besides = next((_name(p) for p in single if (_name(p),) != key), None)
        if besides is not None:
            raise unsupported(self._file, besides, "uniqueness beside that of the key")
        return key

    def _column(self, described: Mapping[str, Any], key: Collection[str]) -> Column:
        name = _name(described)
        promises = dict(self._limits(name, described.get("logicalTypeOptions") or {}))
        if described.get("enum"):
            promises["accepted"] = [e.get("value") if isinstance(e, Mapping) else e for e in described["enum"]]
        is_required = bool(described.get("required")) or bool(described.get("primaryKey"))
        for rule in self._rules(described, name):
            if _tells_unique(rule):
                continue  # of the key
            found = self._rule_of_column(name, rule)
            is_required |= found.pop("required", False)
            promises |= found
        return Column(type=self._type(name, described), nullable=not is_required, **promises)

    def _type(self, name: str, described: Mapping[str, Any]) -> LogicalType:
        physical, logical = described.get("physicalType"), described.get("logicalType")
        found = None if physical is None else logical_type(str(physical))
        if found is None and logical in _LOGICAL:
            found = LogicalType.parse(_LOGICAL[str(logical)])
        if found is None:
            raise unsupported(self._file, name, f"the type {physical or logical or 'of no name'}")
        return found

    def _limits(self, name: str, options: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for option, value in options.items():
            match option:
                case "minimum":
                    yield "min", value
                case "maximum":
                    yield "max", value
                case "pattern":
                    yield "matches", part_pattern(str(value))
                case "minLength" | "maxLength":
                    length = length_pattern(options.get("minLength"), options.get("maxLength"))
                    if length is None or "pattern" in options:
                        raise unsupported(self._file, name, f"{option} beyond 1000, or beside a pattern")
                    yield "matches", length
                case _ if option not in _NOTHING_PROMISED:
                    raise unsupported(self._file, name, f"the option {option}")

    def _rules(self, described: Mapping[str, Any], where: str) -> Iterator[Mapping[str, Any]]:
        for rule in described.get("quality") or ():
            kind = rule.get("type", "library")
            if kind == "library":
                yield rule
            elif kind != "text":
                raise unsupported(self._file, where, f"a quality rule of type {kind}")

    def _rule_of_column(self, name: str, rule: Mapping[str, Any]) -> dict[str, Any]:
        metric, arguments = _metric(rule), rule.get("arguments") or {}
        if rule.get("mustBe") == 0 and metric in ("nullValues", "missingValues"):
            return {"required": True}
        if rule.get("mustBe") == 0 and metric == "invalidValues":
            valid = arguments.get("validValues") or rule.get("validValues")
            pattern = arguments.get("pattern")
            if valid and not pattern:
                return {"accepted": list(valid)}
            if pattern and not valid:
                return {"matches": part_pattern(str(pattern))}
        raise unsupported(self._file, name, f"the quality rule {metric}{_limit(rule)}")

    def _rule_of_table(self, rule: Mapping[str, Any], key: tuple[str, ...]) -> dict[str, Any]:
        metric, arguments = _metric(rule), rule.get("arguments") or {}
        if metric == "duplicateValues" and rule.get("mustBe") == 0:
            if key and set(arguments.get("properties") or ()) == set(key):
                return {}
        elif metric == "rowCount" and rule.get("unit", "rows") == "rows":
            limits = {
                "min": _next(rule.get("mustBeGreaterThan"), 1, rule.get("mustBeGreaterOrEqualTo", rule.get("mustBe"))),
                "max": _next(rule.get("mustBeLessThan"), -1, rule.get("mustBeLessOrEqualTo", rule.get("mustBe"))),
            }
            said = {name: limit for name, limit in limits.items() if limit is not None}
            if said:
                return {"counts": said}
        raise unsupported(self._file, "the table", f"the quality rule {metric}{_limit(rule)}")

    def _freshness(self, levels: Sequence[Mapping[str, Any]], columns: Collection[str]) -> dict[str, Any]:
        """The freshness promised of an element of the table: the column that tells the time, and how old it may be."""
        for level in levels:
            table, _, column = str(level.get("element") or "").partition(".")
            if level.get("property") != "freshness" or table != self._table or column not in columns:
                continue
            unit = str(level.get("unit") or "s").lower()
            seconds = _SECONDS_OF_UNIT.get(unit, _SECONDS_OF_UNIT.get(unit.removesuffix("s")))
            if seconds is None:
                raise unsupported(self._file, column, f"a freshness in {unit}")
            return {"event_time": column, "freshness": {"within": float(level["value"]) * seconds}}
        return {}


def _name(described: Mapping[str, Any]) -> str:
    return str(described.get("physicalName") or described.get("name"))


def _metric(rule: Mapping[str, Any]) -> str:
    """What is counted; before version 3.1 it was called a rule, by other names."""
    older = {"nullCheck": "nullValues", "uniqueCheck": "duplicateValues", "duplicateCount": "duplicateValues"}
    name = str(rule.get("metric") or rule.get("rule"))
    return older.get(name, name)


def _tells_unique(rule: Mapping[str, Any]) -> bool:
    return _metric(rule) == "duplicateValues" and rule.get("mustBe") == 0


def _limit(rule: Mapping[str, Any]) -> str:
    return "".join(f" {operator} {rule[operator]}" for operator in _OPERATORS if operator in rule)


def _next(beyond: int | None, step: int, or_equal: int | None) -> int | None:
    return or_equal if beyond is None else beyond + step
