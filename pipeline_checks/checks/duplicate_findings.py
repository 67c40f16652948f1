"""Duplicate keys as findings; shared by ``duplicates`` and ``counts``, so that both name the same ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline_checks.checks.applicability import LAKE_TABLES, is_served, is_topic
from pipeline_checks.checks.judging import json_key, named_key
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.finding import DuplicateClass, Finding
from pipeline_checks.model.measure import DuplicateKeys, DuplicateSample, Measure, UpstreamDuplicates
from pipeline_checks.model.stage import StageDeclaration


def duplicate_measures(stage: StageDeclaration) -> frozenset[Measure]:
    """Return what must be known to tell the duplicates of a stage; empty when its contract has no key."""
    if not stage.contract.key:
        return frozenset()
    own: set[Measure] = {DuplicateKeys(stage.contract.key)}
    return frozenset(own | {UpstreamDuplicates()} if is_served(stage) else own)


def duplicate_class(stage: StageDeclaration) -> DuplicateClass:
    """Return the class that a second row of one key has in the stage."""
    if is_topic(stage):
        return "replayed"
    return "sink_rewrite" if stage.kind in LAKE_TABLES else "business"


def duplicate_findings(evidence: Evidence) -> tuple[Finding, ...]:
    """Return a finding a key of the sample.

    An API serves the rows of its table: a key that is doubled there too went wrong there first.
    """
    stage = evidence.stage
    found: DuplicateSample = evidence[DuplicateKeys(stage.contract.key)]
    above: DuplicateSample | None = evidence[UpstreamDuplicates()] if is_served(stage) else None
    doubled_above = {_identity(key) for key, _ in above.sample} if above is not None else set()
    findings = []
    for key, rows in found.sample:
        origin = stage.from_[0] if _identity(key) in doubled_above else stage.name
        findings.append(_finding(evidence, key, rows, origin))
    return tuple(findings)


def _finding(evidence: Evidence, key: Mapping[str, Any], rows: int, origin: str) -> Finding:
    stage = evidence.stage
    own = origin == stage.name
    upstream = evidence.upstream.get(origin)
    noun = "records" if is_topic(stage) else "rows"
    inherited = "" if own else f", as in {origin}, where it went wrong first"
    return Finding(
        "duplicate",
        origin,
        f"{named_key(key)} stands in {rows} {noun} of {stage.name}{inherited}",
        key=json_key(key),
        position=evidence.position,
        detail=duplicate_class(stage if own or upstream is None else upstream),
        expected=1,
        seen=rows,
        extra={} if own else {"seen_at": stage.name},
    )


def _identity(key: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The key in a form that is equal whether a value came as JSON or from a table."""
    return tuple(sorted((name, str(value)) for name, value in json_key(key).items()))
