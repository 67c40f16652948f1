"""Findings that a stage has only because the stage it is made from has them, told as that stage's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pipeline_checks.model.finding import Finding, FindingKind
from pipeline_checks.model.kinds import TOPIC_KINDS
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import CheckResult
from pipeline_checks.model.stage import StageDeclaration

PASSED_ON: frozenset[FindingKind] = frozenset({"null", "out_of_range", "unaccepted_value", "stalled", "late"})
"""What a stage passes on as it is: values, and being behind."""


def traced(
    result: CheckResult, stage: StageDeclaration, pipeline: Pipeline, known: Mapping[tuple[str, str], CheckResult]
) -> CheckResult:
    """Return the result with each finding blamed on the first of the stages before it that has the same one.

    ``known`` are the results of the stages before, by stage and check, which have been traced already.
    """
    above = _above(stage, pipeline)
    earlier = None if above is None else known.get((above.name, result.check))
    if earlier is None or not result.judgement.findings:
        return result
    first = {_what(f): f.stage for f in earlier.judgement.findings}
    findings = tuple(_blamed(f, stage, first) for f in result.judgement.findings)
    return replace(result, judgement=replace(result.judgement, findings=findings))


def _above(stage: StageDeclaration, pipeline: Pipeline) -> StageDeclaration | None:
    """The nearest stage before whose rows are told by the same key."""
    tables = (s for s in pipeline.ancestors(stage) if s.holds_rows and s.kind not in TOPIC_KINDS)
    nearest = next(tables, None)
    if nearest is None or nearest.row_meaning != stage.row_meaning or nearest.contract.key != stage.contract.key:
        return None
    return nearest


def _blamed(finding: Finding, stage: StageDeclaration, first: Mapping[object, str]) -> Finding:
    origin = first.get(_what(finding))
    if finding.kind not in PASSED_ON or finding.stage != stage.name or origin is None:
        return finding
    message = f"{finding.message} - first at {origin}"
    return replace(finding, stage=origin, message=message, extra={**finding.extra, "seen_at": stage.name})


def _what(finding: Finding) -> object:
    key = None if finding.key is None else tuple(sorted((k, repr(v)) for k, v in finding.key.items()))
    return finding.kind, key, finding.detail
