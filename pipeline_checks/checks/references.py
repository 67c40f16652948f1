"""references: what a row refers to is there, in another stage of the pipeline, at the cut."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ConfigDict, Field, RootModel, field_validator

from pipeline_checks.checks.applicability import is_topic
from pipeline_checks.checks.judging import conclude, counted, named_key
from pipeline_checks.model.check import CheckConfiguration, Evidence
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.measure import Measure
from pipeline_checks.model.row_promises import ReferenceDifference, References
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement


class SourceReference(CheckConfiguration):
    """``{source: pg_customers, column: customer_id}``: the stage that is to that source what this one is to its own.

    So a contract that the stages of several lakes share refers, in each, to the table of the same lake.
    """

    source: str
    column: str | None = None


class WrittenReferences(RootModel[dict[str, str | SourceReference]]):
    """``references: {customer_id: pg_customers}``: column to ``stage``, ``stage.column`` or ``SourceReference``."""

    model_config = ConfigDict(frozen=True)

    @field_validator("root")
    @classmethod
    def _names_a_stage(cls, value: dict[str, str | SourceReference]) -> dict[str, str | SourceReference]:
        for column, target in value.items():
            if isinstance(target, str) and (not target.strip(".") or target.count(".") > 1):
                raise ValueError(f"what {column} refers to is not stage or stage.column: {target!r}")
        return value


class ReferencesConfiguration(CheckConfiguration):
    """The references of a stage."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    references: tuple[References, ...] = Field(default=())


class ReferencesCheck:
    """Foreign keys between stages. A row without a value refers to nothing."""

    kind = "references"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Every stage of current rows whose contract promises references; those of a topic are told by its tables."""
        promised = bool(stage.contract.promises.get(self.kind))
        return promised and stage.holds_rows and stage.row_meaning == "current" and not is_topic(stage)

    def configure(self, stage: StageDeclaration) -> ReferencesConfiguration:
        """Return the references; raises ConfigurationError for a column that the contract does not have."""
        written = WrittenReferences.model_validate(stage.contract.promises.get(self.kind) or {}).root
        for column in written:
            if stage.contract.columns and column not in stage.contract.columns:
                raise ConfigurationError(
                    f"references names {column!r}, which is not among the columns",
                    next_step=f"Known: {', '.join(stage.contract.columns)}.",
                    path=(self.kind, column),
                )
        return ReferencesConfiguration(references=tuple(_reference(c, t) for c, t in written.items()))

    def measures(self, stage: StageDeclaration, configuration: ReferencesConfiguration) -> frozenset[Measure]:
        """Return the comparison of each column with what it refers to."""
        return frozenset(configuration.references)

    def judge(self, configuration: ReferencesConfiguration, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding a row that refers to nothing that is there."""
        found: dict[References, ReferenceDifference] = {r: evidence[r] for r in configuration.references}
        dangling = sum(d.dangling_total for d in found.values())
        looked_at = {"rows": max((d.rows for d in found.values()), default=0), "references": 0}
        looked_at["references"] = sum(d.rows for d in found.values())
        told = ", ".join(f"{r.column} to {d.against}" for r, d in found.items())
        message = f"{counted(looked_at['references'], 'reference')} hold: {told}"
        if dangling:
            broken = ((r, d) for r, d in found.items() if d.dangling_total)
            message = ", ".join(
                f"{counted(d.dangling_total, 'row')} whose {r.column} is not in {d.against}" for r, d in broken
            )
        left_out = sum(d.left_out for d in found.values())
        if left_out:
            message += f"; {counted(left_out, 'row')} left out, touched since the cut"
        return conclude(
            evidence,
            message,
            looked_at,
            findings=tuple(f for r, d in found.items() for f in _findings(evidence, r, d)),
            total=dangling,
            measures={
                "references": looked_at["references"],
                "dangling": dangling,
                "left_out": left_out,
                "columns": {r.column: {"to": d.against, "dangling": d.dangling_total} for r, d in found.items()},
            },
        )


def _reference(column: str, target: str | SourceReference) -> References:
    if isinstance(target, SourceReference):
        return References(column, target.source, target.column, by_source=True)
    stage, _, other = target.partition(".")
    return References(column, stage, other or None)


def _findings(evidence: Evidence, reference: References, difference: ReferenceDifference) -> Iterator[Finding]:
    own = evidence.stage.name
    for i, (key, value) in enumerate(difference.dangling):
        shown: Any = value
        first = difference.first_stages[i] if i < len(difference.first_stages) else own
        inherited = "" if first == own else f", as in {first}, where it went wrong first"
        yield Finding(
            "dangling_reference",
            first,
            f"{named_key(key)}: {reference.column} {shown!r} is not in {difference.against}{inherited}",
            key=key,
            position=evidence.position,
            detail=reference.column,
            expected={"in": difference.against},
            seen=shown,
            extra={} if first == own else {"seen_at": own},
        )


CHECK = ReferencesCheck()
