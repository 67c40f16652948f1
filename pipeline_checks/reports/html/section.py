"""One pipeline's part of the page: everything that its templates show, already as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline_checks.model.verdict import Verdict
from pipeline_checks.reports import json
from pipeline_checks.reports.html.finding_cards import WRITTEN_OUT, FindingCard, cards, packed
from pipeline_checks.reports.html.graph import Graph
from pipeline_checks.reports.html.journey import Journeys
from pipeline_checks.reports.html.picture import Entry, Picture, draw, listed
from pipeline_checks.reports.html.plots import Bar, bars
from pipeline_checks.reports.html.stage_cards import CheckCard, StageCard, stage_cards
from pipeline_checks.reports.html.subject import Subject
from pipeline_checks.reports.html.words import instant, number, position_text, seconds, short
from pipeline_checks.verification.ledger.past import Past
from pipeline_checks.verification.ledger.proofs import Proof


@dataclass(frozen=True)
class ProofRow:
    """Up to where two stages are proved to agree."""

    upstream: str
    stage: str
    position: str
    rows: str
    grade: str
    at: str


@dataclass(frozen=True)
class Section:
    """A pipeline and one run of it."""

    ref: str
    pipeline: str
    description: str
    owners: str
    verdict: str
    tally: Sequence[tuple[str, int]]
    started_at: str
    seconds: str
    run_id: str
    cut: Mapping[str, str]
    messages: Sequence[str]
    picture: Picture
    entries: Sequence[Entry]
    stages: Mapping[str, StageCard]
    kinds: Sequence[str]
    grid: Mapping[str, Mapping[str, CheckCard]]
    wrong: Sequence[CheckCard]
    findings: Sequence[FindingCard]
    findings_listed: int
    findings_total: int
    findings_packed: int
    packed: str
    bars: Sequence[Bar]
    past_runs: int
    no_past: str
    proofs: Sequence[ProofRow]


def section(subject: Subject, ref: str, most_packed: int) -> Section:
    """Return the part of the page about one run; ``most_packed`` limits its packed findings, in characters."""
    result, pipeline = subject.result, subject.pipeline
    document = json.document([result])
    past = subject.past or Past()
    graph = _graph(subject, document, past)
    names = list(dict.fromkeys((*graph.upstream, *(c["stage"] for c in document["checks"]))))
    order = {name: i for i, name in enumerate(names)}
    checks = sorted(document["checks"], key=lambda check: order[check["stage"]])
    document = {**document, "checks": checks}
    declared = {} if pipeline is None else {s.name: s for s in pipeline.stages}
    stages = stage_cards(document, names, declared, past, ref)
    every = [check for stage in stages for check in stage.checks]
    found = cards(checks, Journeys(graph, checks))
    told, number_told = packed(found, most_packed) if found else ("", 0)
    return Section(
        ref=ref,
        pipeline=result.pipeline,
        description="" if pipeline is None else short(pipeline.description, 1000),
        owners="" if pipeline is None else ", ".join(pipeline.owners),
        verdict=str(result.verdict),
        tally=_tally(every),
        started_at=instant(result.started_at),
        seconds=seconds(result.seconds),
        run_id=short(result.run_id),
        cut={} if document["cut"] is None else {name: short(value) for name, value in document["cut"].items()},
        messages=[short(message, 1000) for message in result.messages],
        picture=draw(graph),
        entries=listed(graph),
        stages=dict(zip(names, stages, strict=True)),
        kinds=list(dict.fromkeys(c.check for c in every)),
        grid={name: {c.check: c for c in stage.checks} for name, stage in zip(names, stages, strict=True)},
        wrong=[c for c in every if c.verdict != Verdict.PASS],
        findings=found[:WRITTEN_OUT],
        findings_listed=len(found),
        findings_total=sum(c.findings for c in every),
        findings_packed=number_told,
        packed=told,
        bars=bars(past.runs),
        past_runs=len(past.runs),
        no_past=short(subject.no_past, 1000) if subject.past is None else "",
        proofs=[_proof(proof) for proof in past.proofs],
    )


def _graph(subject: Subject, document: Mapping[str, Any], past: Past) -> Graph:
    told = {s["name"]: s["kind"] for s in document["stages"]}
    if subject.pipeline is not None and set(told) <= {s.name for s in subject.pipeline.stages}:
        return Graph.of_pipeline(subject.pipeline)
    return Graph.of_pairs(told, [(proof.upstream, proof.stage) for proof in past.proofs])


def _tally(checks: Sequence[CheckCard]) -> list[tuple[str, int]]:
    counts = Counter(check.verdict for check in checks)
    return [(str(verdict), counts[verdict]) for verdict in Verdict if counts[verdict]]


def _proof(proof: Proof) -> ProofRow:
    return ProofRow(
        upstream=short(proof.upstream),
        stage=short(proof.stage),
        position=position_text(proof.position),
        rows=number(proof.rows),
        grade=str(proof.grade),
        at="" if proof.at is None else instant(proof.at),
    )
