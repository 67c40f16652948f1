"""Promises of services: kept, broken, and not known."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline_checks.checks.services import PROMISES, judge, promised
from pipeline_checks.model.service_facts import TOPICS, Fact, StackFacts
from pipeline_checks.model.verdict import Verdict

NOW = datetime(2026, 11, 22, tzinfo=UTC)
KEPT = {
    "health": Fact("kafka", "state", "ready", "ready"),
    "dependencies": Fact("connect", "kafka", "ready", "ready"),
    "start_order": Fact("connect", "kafka", "2026-11-22T00:00:01+00:00", "2026-11-22T00:00:01.5+00:00"),
}
BROKEN = {
    "health": Fact("kafka", "state", "ready", "unready"),
    "dependencies": Fact("connect", "kafka", "ready", "stopped"),
    "start_order": Fact("connect", "kafka", "2026-11-22T00:00:01+00:00", "2026-11-22T00:00:00.5+00:00"),
}


def kept(topic: str) -> Fact:
    return KEPT.get(topic, Fact("kafka", "item", "256", "256"))


def broken(topic: str) -> Fact:
    return BROKEN.get(topic, Fact("kafka", "item", "256", "512"))


def facts(topic: str, *found: Fact, gaps: dict[str, str] | None = None) -> StackFacts:
    return StackFacts("compose", NOW, {topic: found}, {topic: gaps} if gaps else {})


def test_there_is_a_judge_for_every_promise():
    assert set(PROMISES) == set(TOPICS)


@pytest.mark.parametrize("topic", TOPICS)
def test_a_promise_that_is_kept_passes(topic):
    found = judge(topic, facts(topic, kept(topic)))
    assert (found.verdict, found.findings, sum(found.looked_at.values())) == (Verdict.PASS, (), 1)


@pytest.mark.parametrize("topic", TOPICS)
def test_a_promise_that_is_broken_fails_and_names_the_service_alone(topic):
    found = judge(topic, facts(topic, kept(topic), broken(topic)))
    assert found.verdict == Verdict.FAIL
    assert [(f.stage, f.expected, f.seen) for f in found.findings] == [
        (broken(topic).service, broken(topic).promised, broken(topic).seen)
    ]


@pytest.mark.parametrize("topic", TOPICS)
def test_what_is_not_there_at_all_is_broken(topic):
    whole = kept(topic)
    found = judge(topic, facts(topic, Fact(whole.service, whole.item, whole.promised, None)))
    assert found.verdict == Verdict.FAIL


@pytest.mark.parametrize("topic", TOPICS)
def test_what_could_not_be_read_is_an_error_that_says_of_what(topic):
    found = judge(topic, facts(topic, kept(topic), gaps={"connect": "no process of it runs"}))
    assert found.verdict == Verdict.ERROR
    assert "connect: no process of it runs" in found.message


def test_a_broken_promise_goes_before_one_that_is_not_known():
    assert judge("ports", facts("ports", broken("ports"), gaps={"connect": "gone"})).verdict == Verdict.FAIL


def test_nothing_looked_at_is_no_pass():
    assert judge("ports", facts("ports")).verdict == Verdict.ERROR


def test_only_what_the_stack_has_is_promised():
    some = StackFacts("embedded", NOW, {"logs": (kept("logs"),), "health": ()}, {"ports": {"kafka": "gone"}})
    assert promised(some) == ("health", "ports", "logs")
