"""Measures of how good the rows of a stage are: validators with a score from 0 to 1 each, and limits for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from pipeline_checks.model.measure import Measure
from pipeline_checks.model.secret import Setting, SettingValue
from pipeline_checks.model.selection import Named

Limit = float | str
"""A number, or the name of the setting of the limits' file that holds it."""


class Validator(BaseModel):
    """One validator; its fields say what it judges, all of them together.

    Parameters
    ----------
    columns:
        Columns that must be there; the score is the share that is.
    nulls:
        Columns (or expressions by name) whose cells without a value are counted; at most ``at_most`` of all may be.
    filled:
        Those of them in which no cell may be without a value.
    rules:
        Conditions by name. Rows for which one does not hold are counted; their shares together may be ``at_most``.
    unique:
        Columns that together name a row once; at most ``at_most`` of the rows may repeat another.
    spread:
        Numeric columns; at most ``at_most`` of their values may lie beyond 1.5 times the range of the middle half.
    share_of:
        A stage; this one must have ``at_least`` that share of its rows.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: tuple[str, ...] = ()
    nulls: Named = ()
    filled: tuple[str, ...] = ()
    rules: Named = ()
    unique: Named = ()
    spread: Named = ()
    share_of: str | None = None
    at_most: Limit = 0.0
    at_least: Limit = 0.0

    @model_validator(mode="after")
    def _judges_one_thing(self) -> Validator:
        judged = [n for n in ("columns", "nulls", "rules", "unique", "spread", "share_of") if getattr(self, n)]
        if len(judged) != 1:
            raise ValueError("a validator judges one of: columns, nulls, rules, unique, spread, share_of")
        return self


def _as_pairs(value: Any) -> Any:
    return tuple(value.items()) if isinstance(value, Mapping) else value


class QualityPromise(BaseModel):
    """``quality_score: {at_least: 0.8, validators: {completeness: {nulls: [a, b], at_most: 0.05}}}``.

    ``limits`` is a YAML file in which limits that are names are looked up, under ``section``; ``defaults`` are those of
    it when the file is not set or does not say.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    validators: Annotated[tuple[tuple[str, Validator], ...], BeforeValidator(_as_pairs)] = Field(min_length=1)
    at_least: Limit = 0.8
    limits: Annotated[SettingValue, Setting] | None = None
    section: str | None = None
    defaults: Annotated[tuple[tuple[str, float], ...], BeforeValidator(_as_pairs)] = ()


@dataclass(frozen=True)
class Quality(Measure):
    """What the validators of a promise find; value: ``QualitySample``."""

    promise: QualityPromise


@dataclass(frozen=True)
class ValidationResult:
    """What one validator found: whether its limit is kept, its score, and what it counted."""

    name: str
    passed: bool
    score: float
    limit: float
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return {
            "check_name": self.name,
            "passed": self.passed,
            "score": round(self.score, 6),
            "limit": self.limit,
            "details": dict(self.details),
        }


@dataclass(frozen=True)
class QualitySample:
    """Value of ``Quality``: the rows looked at, the validators' results, and the least score that all together need."""

    rows: int
    at_least: float
    results: tuple[ValidationResult, ...]

    @property
    def score(self) -> float:
        """The mean of the scores."""
        return sum(r.score for r in self.results) / len(self.results) if self.results else 0.0
