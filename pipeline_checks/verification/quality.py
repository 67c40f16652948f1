"""Validators of a stage's rows: what they count, and the limits that a file of settings gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_checks.clients.settings import resolve
from pipeline_checks.engines.quality import counted, lacking
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.quality import Limit, Quality, QualityPromise, QualitySample, ValidationResult, Validator
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.verification.pinning import Pinner
from pipeline_checks.verification.selections import stage_named, table_of
from pipeline_checks.verification.settled import Settled

if TYPE_CHECKING:
    import pyarrow


def quality_of(
    pipeline: Pipeline, pinner: Pinner, settled: Settled, asked: Quality, rows_of: Callable[[StageDeclaration], int]
) -> QualitySample:
    """Return what the validators of a stage find; ``rows_of`` counts those of a stage.

    Raises ConfigurationError for a limit that stands nowhere, or an expression that cannot be computed.
    """
    stage, promise = settled.declaration, asked.promise
    known = limits_of(promise)
    rows = table_of(pinner, stage, with_malformed=False)
    results = []
    for name, validator in promise.validators:
        at_most, at_least = _limit(validator.at_most, known), _limit(validator.at_least, known)
        if validator.share_of is not None:
            above = rows_of(stage_named(pipeline, validator.share_of, stage.name))
            share = rows.num_rows / above if above else 0.0
            found = {"rows": rows.num_rows, "rows_above": above}
            results.append(ValidationResult(name, share >= at_least, min(1.0, share), at_least, found))
            continue
        results.append(_judged(name, validator, rows, at_most, stage.name))
    return QualitySample(rows.num_rows, _limit(promise.at_least, known), tuple(results))


def _judged(name: str, validator: Validator, rows: pyarrow.Table, at_most: float, stage: str) -> ValidationResult:
    if validator.columns:
        absent = lacking(rows, validator.columns)
        return ValidationResult(
            name, not absent, 1 - len(absent) / len(validator.columns), 0.0, {"missing_columns": absent}
        )
    found = counted(rows, validator, stage)
    number = found.pop("rows")
    cells = number * (len(validator.nulls) or len(validator.spread) or 1)
    rate = sum(found.values()) / cells if cells else 0.0
    empty = [n for n in validator.filled if found.get(n)]
    details: dict[str, Any] = {"rows": number, **{n: c for n, c in found.items() if c}, "rate": round(rate, 6)}
    passed = number > 0 and rate <= at_most and not empty
    return ValidationResult(name, passed, max(0.0, 1 - rate) if number else 0.0, at_most, details)


def limits_of(promise: QualityPromise) -> Mapping[str, Any]:
    """Return the limits by name: those of the file where it is set and says so, else the defaults."""
    import yaml

    known: dict[str, Any] = dict(promise.defaults)
    if promise.limits is None:
        return known
    try:
        path = Path(resolve(promise.limits))
    except ConfigurationError:
        return known
    try:
        document = yaml.safe_load(path.read_text()) or {}
    except (OSError, yaml.YAMLError) as problem:
        raise ConfigurationError(
            f"the limits of the validators cannot be read from {path.name}: {str(problem).splitlines()[0]}",
            next_step="Correct the file, or the variable that names it.",
        ) from None
    said = document if promise.section is None else document.get(promise.section)
    return {**known, **(said if isinstance(said, Mapping) else {})}


def _limit(limit: Limit, known: Mapping[str, Any]) -> float:
    if not isinstance(limit, str):
        return float(limit)
    if limit not in known:
        raise ConfigurationError(
            f"the limit {limit!r} of a validator stands nowhere.",
            next_step="Write it into the file of limits, or under `defaults` of the promise.",
        )
    return float(known[limit])
