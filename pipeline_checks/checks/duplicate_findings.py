"""Duplicate keys as findings; shared by ``duplicates`` and ``counts``, so that both name the same ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline_checks.checks.applicability import is_served, is_topic
from pipeline_checks.checks.judging import json_key, named_key
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.finding import DuplicateClass, Finding
from pipeline_checks.model.kinds import LAKE_KINDS
from pipeline_checks.model.measure import (
    DuplicateClasses,
    DuplicateKeys,
    DuplicateSample,
    Measure,
    Measured,
    UpstreamDuplicates,
)
from pipeline_checks.model.position import Position
from pipeline_checks.model.stage import StageDeclaration

_MEANING = {
    "replayed": ", replayed",
    "snapshot_overlap": ", read by a snapshot and told by the log again",
    "sink_rewrite": ", the same row written twice",
    "business": ", which differ",
}


def duplicate_measures(stage: StageDeclaration) -> frozenset[Measure]:
    """Return what must be known to tell the duplicates of a stage; empty when its contract has no key."""
    if not stage.contract.key:
        return frozenset()
    wanted: set[Measure] = {DuplicateKeys(stage.contract.key)}
    if is_served(stage):
        wanted.add(UpstreamDuplicates())
    if stage.kind in LAKE_KINDS:
        wanted.add(DuplicateClasses(stage.contract.key))
    return frozenset(wanted)


def duplicate_class(stage: StageDeclaration) -> DuplicateClass:
    """Return the class that a second row of one key has in the stage where nothing more is known of the two."""
    if is_topic(stage):
        return "replayed"
    return "sink_rewrite" if stage.kind in LAKE_KINDS else "business"


def duplicate_findings(evidence: Evidence) -> tuple[Finding, ...]:
    """Return a finding a key of the sample.

    An API serves the rows of its table: a key that is doubled there too went wrong there first.
    """
    stage = evidence.stage
    found: DuplicateSample = evidence[DuplicateKeys(stage.contract.key)]
    classes = found.classes or evidence.values.get(DuplicateClasses(stage.contract.key), Measured(())).value
    above: DuplicateSample | None = evidence[UpstreamDuplicates()] if is_served(stage) else None
    doubled_above = _classes_above(above, evidence.upstream.get(stage.from_[0])) if above is not None else {}
    findings = []
    for i, (key, rows) in enumerate(found.sample):
        inherited = doubled_above.get(_identity(key))
        class_ = inherited or (classes[i] if i < len(classes) else duplicate_class(stage))
        origin = stage.name if inherited is None else stage.from_[0]
        place = found.places[i] if i < len(found.places) else None
        findings.append(_finding(evidence, key, rows, origin, class_, place))
    return tuple(findings)


def _classes_above(above: DuplicateSample, upstream: StageDeclaration | None) -> dict[tuple[tuple[str, str], ...], str]:
    """The class of each key that is doubled in the stage above."""
    is_table = upstream is not None and upstream.kind in LAKE_KINDS
    default = "business" if upstream is None else duplicate_class(upstream)
    told = above.classes if is_table else ()
    classes = (*told, *(default for _ in above.sample[len(told) :]))
    return {_identity(key): class_ for (key, _), class_ in zip(above.sample, classes, strict=False)}


def _finding(
    evidence: Evidence, key: Mapping[str, Any], rows: int, origin: str, class_: str, place: Position | None
) -> Finding:
    stage = evidence.stage
    own = origin == stage.name
    noun = "records" if is_topic(stage) else "rows"
    inherited = "" if own else f", as in {origin}, where it went wrong first"
    return Finding(
        "duplicate",
        origin,
        f"{named_key(key)} stands in {rows} {noun} of {stage.name}{_MEANING.get(class_, '')}{inherited}",
        key=json_key(key),
        position=place or evidence.position,
        detail=class_,
        expected=1,
        seen=rows,
        extra={} if own else {"seen_at": stage.name},
    )


def _identity(key: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The key in a form that is equal whether a value came as JSON or from a table."""
    return tuple(sorted((name, str(value)) for name, value in json_key(key).items()))
