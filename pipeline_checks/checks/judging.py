"""What all checks share in judging: the verdict that findings, doubts and empty evidence lead to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypeVar

from pipeline_checks.model.check import CheckConfiguration, Evidence
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.measure import Grade, Measure
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement, Verdict

C = TypeVar("C", bound=CheckConfiguration)


class NothingToConfigure(CheckConfiguration):
    """The configuration of a check whose promises all stand in the columns and the key of the contract."""


def promise_of(stage: StageDeclaration, kind: str, configuration: type[C]) -> C:
    """Return what the stage's contract promises under the name ``kind``, or the defaults when it says nothing.

    Raises ``pydantic.ValidationError`` when the promise is malformed.
    """
    written = stage.contract.promises.get(kind)
    return configuration.model_validate({} if written is None else written)


def conclude(
    evidence: Evidence,
    message: str,
    looked_at: Mapping[str, int],
    *,
    findings: Sequence[Finding] = (),
    total: int | None = None,
    doubts: Iterable[str] = (),
    measures: Mapping[str, Any] | None = None,
) -> Judgement:
    """Return the judgement: FAIL by findings, UNSETTLED when nothing was looked at, WARN by doubts, else PASS.

    Parameters
    ----------
    message:
        What was found, as a sentence that fits each of these verdicts.
    total:
        How many findings there are, when ``findings`` is a sample.
    doubts:
        What keeps a clean result from being proved.
    """
    doubts = tuple(doubts)
    text = "; ".join((message, *doubts))
    count = len(findings) if total is None else total
    verdict = Verdict.PASS
    if findings or count:
        verdict = Verdict.FAIL
    elif not any(looked_at.values()) and not evidence.stage.may_be_empty:
        verdict, text = Verdict.UNSETTLED, f"looked at nothing: {text}"
    elif doubts:
        verdict = Verdict.WARN
    return Judgement(verdict, text, dict(looked_at), dict(measures or {}), tuple(findings), count)


def inexact(evidence: Evidence, measures: Iterable[Measure], what: str) -> Iterable[str]:
    """Yield a doubt when a value among ``measures`` is not exactly known."""
    grades = {evidence.grade(m) for m in measures}
    if grades - {Grade.EXACT}:
        yield f"{what} is known as a bound only" if Grade.UNKNOWN not in grades else f"{what} is not known"


def as_json(value: Any) -> Any:
    """Return a scalar as a JSON value; decimals and times as text, as they stand in reports."""
    if value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)


def json_key(key: Mapping[str, Any]) -> dict[str, Any]:
    """Return the key of a row with JSON values."""
    return {name: as_json(value) for name, value in key.items()}


def named_key(key: Mapping[str, Any]) -> str:
    """Return a key as people read it.

    >>> named_key({"order_id": 4, "line": "a"})
    'order_id 4, line a'
    """
    return ", ".join(f"{name} {value}" for name, value in key.items())


def summary_of(findings: Sequence[Finding]) -> str:
    """Return the messages of the first findings, and how many more there are."""
    more = f"; and {len(findings) - 3:,} more" if len(findings) > 3 else ""
    return "; ".join(f.message for f in findings[:3]) + more


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun.

    >>> counted(1, "key"), counted(2000, "key"), counted(0, "finding")
    ('1 key', '2,000 keys', '0 findings')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
