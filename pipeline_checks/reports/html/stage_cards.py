"""Stages and checks as the page shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Verdict, overall
from pipeline_checks.reports.html.plots import Line, lines
from pipeline_checks.reports.html.words import LONGEST_SENTENCE, number, position_text, seconds, short, value_text
from pipeline_checks.verification.ledger.past import Past

NO_VERDICT = "none"
"""The class of a stage that nothing was judged of."""


@dataclass(frozen=True)
class CheckCard:
    """A check: what it says, what it looked at, what it measured."""

    ref: str
    stage: str
    check: str
    verdict: str
    message: str
    looked_at: str
    measures: str
    findings: int
    seconds: str


@dataclass(frozen=True)
class StageCard:
    """A stage: where it stood, and its checks."""

    ref: str
    name: str
    kind: str
    description: str
    owners: str
    verdict: str
    rows: str
    lag: str
    position: str
    covers: str
    problem: str
    schema: Sequence[tuple[str, str, str]]
    checks: Sequence[CheckCard]
    lines: Sequence[Line]

    @property
    def said(self) -> str:
        """Rows and lag on one line."""
        return " · ".join(part for part in (f"{self.rows} rows" if self.rows else "", self.lag) if part)


def stage_cards(
    document: Mapping[str, Any], names: Sequence[str], declared: Mapping[str, StageDeclaration], past: Past, prefix: str
) -> list[StageCard]:
    """Return a card for each stage in ``names``; ``prefix`` keeps anchors of several pipelines apart."""
    stages = {s["name"]: s for s in document["stages"]}
    checks: dict[str, list[CheckCard]] = {name: [] for name in names}
    for i, check in enumerate(document["checks"]):
        checks[check["stage"]].append(_check(check, f"{prefix}-c{i}"))
    return [
        _stage(name, f"{prefix}-s{i}", stages.get(name), declared.get(name), checks[name], past)
        for i, name in enumerate(names)
    ]


def _stage(
    name: str,
    ref: str,
    told: Mapping[str, Any] | None,
    declared: StageDeclaration | None,
    checks: Sequence[CheckCard],
    past: Past,
) -> StageCard:
    verdict = str(overall(Verdict(c.verdict) for c in checks)) if checks else NO_VERDICT
    rows = None if told is None else told["rows"]
    covers = {True: "covers the cut", False: "does not cover the cut", None: "cannot say whether it covers the cut"}
    return StageCard(
        ref=ref,
        name=short(name),
        kind=told["kind"] if told is not None else declared.kind if declared is not None else "",
        description=short(declared.description, LONGEST_SENTENCE) if declared is not None else "",
        owners="" if declared is None else ", ".join(declared.owners),
        verdict=verdict,
        rows=_rows(rows),
        lag=_lag(None if told is None else told["lag_seconds"]),
        position="" if told is None else position_text(told["position"]),
        covers="not looked at" if told is None else covers[told["covers_cut"]],
        problem="" if told is None else short(told["problem"], LONGEST_SENTENCE),
        schema=[] if told is None else [_column(column) for column in told["schema"]],
        checks=checks,
        lines=lines(past, name),
    )


def _rows(rows: Mapping[str, Any] | None) -> str:
    if rows is None or rows["value"] is None:
        return ""
    grade = "" if rows["grade"] == "exact" else f" ({rows['grade']})"
    return f"{number(rows['value'])}{grade}"


def _lag(lag: float | None) -> str:
    if lag is None:
        return ""
    return f"lag {seconds(lag)}" if lag >= 0.001 else "no lag"


def _column(column: Mapping[str, Any]) -> tuple[str, str, str]:
    nullable = {True: "may be NULL", False: "not NULL", None: ""}[column["nullable"]]
    return short(column["name"]), short(column["type"]), nullable


def _check(check: Mapping[str, Any], ref: str) -> CheckCard:
    looked_at = ", ".join(f"{number(count)} {name}" for name, count in check["looked_at"].items())
    measures = "; ".join(
        f"{name} {number(value) if isinstance(value, float) else value_text(value)}"
        for name, value in check["measures"].items()
    )
    return CheckCard(
        ref=ref,
        stage=short(check["stage"]),
        check=short(check["check"]),
        verdict=check["verdict"],
        message=short(check["message"], LONGEST_SENTENCE),
        looked_at=looked_at or "nothing that is counted",
        measures=short(measures, LONGEST_SENTENCE),
        findings=check["findings_total"],
        seconds=seconds(check["seconds"]),
    )
