"""expressions: what is promised of the columns of a row together, as SQL that must be true of every row."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ConfigDict, Field, RootModel, field_validator

from pipeline_checks.checks.judging import conclude, counted, named_key
from pipeline_checks.model.check import CheckConfiguration, Evidence
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.measure import Measure
from pipeline_checks.model.row_promises import BrokenExpression, BrokenRows
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement


class WrittenExpressions(RootModel[dict[str, str]]):
    """``expressions: {paid_orders_have_a_date: "status <> 'paid' OR paid_at IS NOT NULL"}``: name to SQL."""

    model_config = ConfigDict(frozen=True)

    @field_validator("root")
    @classmethod
    def _is_one_expression(cls, value: dict[str, str]) -> dict[str, str]:
        for name, expression in value.items():
            if not expression.strip() or ";" in expression:
                raise ValueError(f"{name} is not one SQL expression: {expression!r}")
        return value


class ExpressionsConfiguration(CheckConfiguration):
    """The expressions by their names, as they are measured."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    expressions: tuple[tuple[str, BrokenExpression], ...] = Field(default=())


class ExpressionsCheck:
    """SQL over one row that must not be false. NULL keeps the promise, as with a CHECK constraint."""

    kind = "expressions"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Every stage with rows whose contract promises expressions."""
        promised = bool(stage.contract.promises.get(self.kind))
        return promised and stage.holds_rows and stage.row_meaning != "dead_letters"

    def configure(self, stage: StageDeclaration) -> ExpressionsConfiguration:
        """Return the expressions, each with the columns of the contract that it names."""
        written = WrittenExpressions.model_validate(stage.contract.promises.get(self.kind) or {}).root
        key = stage.contract.key
        asked = (
            (name, BrokenExpression(sql, tuple(_named(sql, stage.contract.columns)), key))
            for name, sql in written.items()
        )
        return ExpressionsConfiguration(expressions=tuple(asked))

    def measures(self, stage: StageDeclaration, configuration: ExpressionsConfiguration) -> frozenset[Measure]:
        """Return the rows that break a promise, by expression."""
        return frozenset(measure for _, measure in configuration.expressions)

    def judge(self, configuration: ExpressionsConfiguration, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding a row of the samples."""
        found: dict[str, BrokenRows] = {name: evidence[measure] for name, measure in configuration.expressions}
        total = sum(rows.broken.count for rows in found.values())
        looked_at = max((rows.rows for rows in found.values()), default=0)
        message = f"{counted(len(found), 'expression')} true of {counted(looked_at, 'row')}"
        if total:
            broken = ((name, rows.broken.count) for name, rows in found.items() if rows.broken.count)
            message = ", ".join(f"{name}: {counted(count, 'row')}" for name, count in broken)
        table = [
            {"name": name, "expression": measure.expression, "violations": found[name].broken.count}
            for name, measure in configuration.expressions
        ]
        return conclude(
            evidence,
            message,
            {"rows": looked_at, "expressions": len(found) if looked_at else 0},
            findings=tuple(
                f for name, m in configuration.expressions for f in _findings(evidence, name, m, found[name])
            ),
            total=total,
            measures={"violations": total, "rules": table},
        )


def _named(expression: str, columns: Mapping[str, Any]) -> Iterator[str]:
    """The columns that an expression names, as a word or in quotes; one named in a text too many does no harm."""
    for column in columns:
        quoted = f'"{column.replace(chr(34), chr(34) * 2)}"'
        if quoted in expression or re.search(rf"(?<!\w){re.escape(column)}(?!\w)", expression, re.IGNORECASE):
            yield column


def _findings(evidence: Evidence, name: str, measure: BrokenExpression, found: BrokenRows) -> Iterator[Finding]:
    for key, values in found.broken.rows:
        told = ", ".join(f"{column} {value!r}" for column, value in values.items())
        yield Finding(
            "unaccepted_value",
            evidence.stage.name,
            f"{named_key(key) or 'a row'}{': ' if told else ''}{told} breaks {name} ({measure.expression})",
            key=key or None,
            position=evidence.position,
            detail=name,
            expected={"expression": measure.expression},
            seen=dict(values),
        )


CHECK = ExpressionsCheck()
