"""services: what is promised of the services of a stack holds while they run, whoever started them.

Not a check of a stage: its facts are of the runtime (processes or containers). Judging is pure all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pipeline_checks.model.finding import Finding, FindingKind
from pipeline_checks.model.service_facts import TOPICS, Fact, StackFacts, Topic
from pipeline_checks.model.verdict import Judgement, Verdict

_SAMPLE: Final = 50


def _same(fact: Fact) -> bool:
    return bool(fact.promised == fact.seen)


def _not_before(fact: Fact) -> bool:
    return fact.seen is not None and datetime.fromisoformat(fact.seen) >= datetime.fromisoformat(fact.promised)


def _usable(fact: Fact) -> bool:
    return fact.seen in ("ready", "done")


@dataclass(frozen=True)
class Promise:
    """One promise: what its facts are called, when one is kept, and what it is when it is not."""

    counted: str
    kind: FindingKind
    kept: Callable[[Fact], bool]
    says: str
    """What is wrong, with ``{item}``, ``{promised}`` and ``{seen}``."""


PROMISES: Final[Mapping[Topic, Promise]] = {
    "health": Promise("services", "stalled", _usable, "is {seen}"),
    "broker": Promise("brokers", "missing", _same, "{item}: {seen} instead of {promised}"),
    "object_store": Promise("stores", "missing", _same, "{item}: {seen} instead of {promised}"),
    "catalog": Promise("catalogs", "missing", _same, "{item}: {seen} instead of {promised}"),
    "registry": Promise("registries", "missing", _same, "{item}: {seen} instead of {promised}"),
    "dependencies": Promise("dependencies", "missing", _usable, "needs {item}, which is {seen}"),
    "monitoring": Promise("endpoints", "missing", _same, "{item}: {seen} instead of {promised}"),
    "network": Promise("paths", "changed", _same, "{item}: {seen} instead of {promised}"),
    "limits": Promise("limits", "changed", _same, "the limit {item} is {seen}, promised is {promised}"),
    "start_order": Promise(
        "starts", "out_of_order", _not_before, "was started at {seen}, {item} was ready at {promised}"
    ),
    "environment": Promise("variables", "changed", _same, "the variable {item} is {seen}"),
    "volumes": Promise("volumes", "changed", _same, "{item} is {seen}, promised is {promised}"),
    "ports": Promise("ports", "changed", _same, "{item} listens at {seen}, promised is {promised}"),
    "logs": Promise("logs", "unexpected", _same, "{seen}"),
    "restarts": Promise("policies", "changed", _same, "{item}: {seen} instead of {promised}"),
}


def promised(facts: StackFacts) -> tuple[Topic, ...]:
    """Return what this stack promises, in the order of reports."""
    return tuple(t for t in TOPICS if t in facts.facts or t in facts.unread)


def judge(topic: Topic, facts: StackFacts) -> Judgement:
    """Return the verdict of one promise over all services.

    FAIL names each service that does not keep it. ERROR names each of which nothing could be read, and a promise that
    looked at nothing is one as well.
    """
    promise = PROMISES[topic]
    looked, gaps = facts.facts.get(topic, ()), facts.unread.get(topic, {})
    findings = tuple(_finding(promise, topic, fact) for fact in looked if not promise.kept(fact))
    looked_at = {promise.counted: len(looked)}
    measures: dict[str, Any] = {"provider": facts.provider, "not_read": len(gaps)}
    if findings:
        message = "; ".join(f"{f.stage} {f.message}" for f in findings[:3])
        return Judgement(Verdict.FAIL, message, looked_at, measures, findings[:_SAMPLE], len(findings))
    if gaps:
        message = "could not be read: " + "; ".join(f"{name}: {why}" for name, why in sorted(gaps.items())[:3])
        return Judgement(Verdict.ERROR, message, looked_at, measures)
    if not looked:
        return Judgement(Verdict.ERROR, "there was nothing to look at", looked_at, measures)
    return Judgement(Verdict.PASS, f"{len(looked):,} {promise.counted} as promised", looked_at, measures)


def _finding(promise: Promise, topic: Topic, fact: Fact) -> Finding:
    seen = "not there" if fact.seen is None else fact.seen
    message = promise.says.format(item=fact.item, promised=fact.promised, seen=seen)
    return Finding(
        promise.kind, fact.service, message, detail=f"{topic}:{fact.item}", expected=fact.promised, seen=fact.seen
    )
