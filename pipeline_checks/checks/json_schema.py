"""json_schema: every message of a topic is valid by its JSON Schema; each way to deviate is told once, with places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from pipeline_checks.checks.applicability import is_topic
from pipeline_checks.checks.judging import conclude, counted, promise_of, summary_of
from pipeline_checks.model.check import CheckConfiguration, Evidence
from pipeline_checks.model.finding import Finding, FindingKind
from pipeline_checks.model.measure import KEY_SAMPLE, Facts, Measure
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement

DEVIATIONS = Facts("json_schema")
_KINDS: Mapping[str, tuple[FindingKind, str]] = {
    "added": ("schema_drift", "added"),
    "dropped": ("schema_drift", "dropped"),
    "retyped": ("schema_drift", "retyped"),
    "unaccepted_value": ("unaccepted_value", "unaccepted_value"),
    "out_of_range": ("out_of_range", "out_of_range"),
    "pattern": ("unaccepted_value", "pattern"),
    "rule": ("unaccepted_value", "rule"),
    "unreadable": ("unexpected", "unreadable"),
}
"""Kind and detail of the finding that tells a deviation."""


class JsonSchemaConfiguration(CheckConfiguration):
    """``json_schema: FILE``, or ``json_schema: {file: FILE}``.

    ``file``: the path of the schema, or ``package.module:file.json`` of an installed package.
    """

    file: str = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _from_file(cls, value: Any) -> Any:
        return {"file": value} if isinstance(value, str) else value


class JsonSchemaCheck:
    """Every message against the schema that its topic promises."""

    kind = "json_schema"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Topics whose contract promises it."""
        return is_topic(stage) and bool(stage.contract.promises.get(self.kind))

    def configure(self, stage: StageDeclaration) -> JsonSchemaConfiguration:
        """Return the file."""
        return promise_of(stage, self.kind, JsonSchemaConfiguration)

    def measures(self, stage: StageDeclaration, configuration: JsonSchemaConfiguration) -> frozenset[Measure]:
        """Return how messages deviate."""
        return frozenset({DEVIATIONS})

    def judge(self, configuration: JsonSchemaConfiguration, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding for each field and way in which messages deviate."""
        facts: Mapping[str, Any] | None = evidence[DEVIATIONS]
        if facts is None:
            return conclude(evidence, "its messages are not JSON", {"messages": 0}, doubts=("nothing was judged",))
        messages, invalid = int(facts["messages"]), int(facts["invalid"])
        findings = tuple(_finding(evidence, found) for found in facts["deviations"])
        message = f"{counted(messages, 'message')} valid by {configuration.file}"
        if findings:
            message = f"{invalid:,} of {counted(messages, 'message')} not valid: {summary_of(findings)}"
        return conclude(
            evidence,
            message,
            {"messages": messages},
            findings=findings[:KEY_SAMPLE],
            total=len(findings),
            measures={"messages": messages, "invalid": invalid, "deviations": len(findings)},
        )


def _finding(evidence: Evidence, found: Mapping[str, Any]) -> Finding:
    kind, detail = _KINDS[found["word"]]
    field, count = str(found["field"]), int(found["count"])
    topic = str(getattr(evidence.stage, "topic", evidence.stage.name))
    first = {int(p): int(o) for p, o in found["first"].items()}
    places = ", ".join(f"partition {p} offset {o}" for p, o in first.items())
    return Finding(
        kind,
        evidence.stage.name,
        f"{detail} at {field} in {counted(count, 'message')}, first at {places}: {found['example']}",
        key={"field": field},
        position=OffsetsPosition.of({topic: first}),
        detail=detail,
        seen=found["example"],
        extra={"messages": count},
    )


CHECK = JsonSchemaCheck()
