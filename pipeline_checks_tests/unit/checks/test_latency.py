"""latency: from commit to this stage."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pipeline_checks.checks.registry import check
from pipeline_checks.model.measure import Latencies, LatencySample
from pipeline_checks.model.verdict import Verdict
from pipeline_checks_tests.unit.checks.cases import ORDERS, api, change_log, connector, judge, source, table, topic

WINDOW = Latencies(3600.0)
SLOWEST = {"topic": "shop.orders", "partition": 1, "offset": 2, "key": {"order_id": 4}}


def sample(*seconds: float, backwards: int = 0) -> LatencySample:
    """Events that took ``seconds`` to the table, and a tenth of that to the topic."""
    hops = {"commit_to_topic": tuple(s / 10 for s in seconds), "commit_to_table": seconds}
    return LatencySample(len(seconds), hops, backwards, SLOWEST)


def test_fast_events_pass_with_the_quantiles_of_every_hop() -> None:
    judgement = judge("latency", change_log(), {WINDOW: sample(*(i / 100 for i in range(1, 101)))})
    assert judgement.verdict is Verdict.PASS
    assert judgement.looked_at == {"events": 100}
    summary = {"p50_seconds": 0.5, "p95_seconds": 0.95, "p99_seconds": 0.99, "max_seconds": 1.0}
    assert judgement.measures.items() >= summary.items()
    assert judgement.measures["hops"]["commit_to_table"] == summary
    assert judgement.measures["hops"]["commit_to_topic"]["max_seconds"] == 0.1


def test_a_slow_p95_warns() -> None:
    judgement = judge("latency", change_log(), {WINDOW: sample(*[1.0] * 90, *[12.0] * 10)})
    assert judgement.verdict is Verdict.WARN
    assert judgement.findings == ()


def test_a_few_slow_events_below_the_hard_limit_pass() -> None:
    assert judge("latency", change_log(), {WINDOW: sample(*[1.0] * 99, 29.0)}).verdict is Verdict.PASS


def test_an_event_above_the_hard_limit_is_late_and_named() -> None:
    judgement = judge("latency", change_log(), {WINDOW: sample(*[1.0] * 99, 31.0)})
    assert judgement.verdict is Verdict.FAIL
    (finding,) = judgement.findings
    assert (finding.kind, finding.detail, finding.key, finding.seen) == (
        "late",
        "commit_to_table",
        {"order_id": 4},
        31.0,
    )
    assert "partition 1, offset 2" in finding.message
    assert finding.extra["event"] == {"topic": "shop.orders", "partition": 1, "offset": 2}


def test_only_the_last_hop_is_held_to_the_limits() -> None:
    hops = {"commit_to_topic": (50.0,), "commit_to_table": (1.0,)}
    assert judge("latency", change_log(), {WINDOW: LatencySample(1, hops)}).verdict is Verdict.PASS


def test_times_that_decrease_along_the_hops_are_out_of_order() -> None:
    judgement = judge("latency", topic(), {WINDOW: sample(1.0, backwards=2)})
    assert judgement.verdict is Verdict.FAIL
    assert [(f.kind, f.seen) for f in judgement.findings] == [("out_of_order", 2)]


@pytest.mark.parametrize("may_be_empty", [False, True])
def test_no_events_never_pass(may_be_empty: bool) -> None:
    for nothing in (LatencySample(0, {"commit_to_topic": ()}), LatencySample(0, {}), LatencySample(3, {"a": ()})):
        judgement = judge("latency", change_log(may_be_empty=may_be_empty), {WINDOW: nothing})
        assert judgement.verdict is Verdict.WARN
        assert judgement.message.startswith("no data")
        assert judgement.looked_at == {"events": 0}


def test_limits_and_window_are_those_of_the_contract() -> None:
    contract = {**ORDERS, "latency": {"warn": "100ms", "fail": "1s", "window": "10m"}}
    values = {Latencies(600.0): sample(1.5)}
    assert judge("latency", topic(contract=contract), values).verdict is Verdict.FAIL


@pytest.mark.parametrize("promise", [{"warn": "60s"}, {"fail": 0}, {"p95": "1s"}, "10s", {"window": "long"}])
def test_a_malformed_promise_is_refused(promise: object) -> None:
    with pytest.raises(ValidationError):
        check("latency").configure(topic(contract={**ORDERS, "latency": promise}))


def test_latency_is_judged_where_the_arrival_of_each_event_is_known() -> None:
    applies = check("latency").applies_to
    assert applies(topic()) and applies(change_log()) and applies(api())
    assert not applies(source()) and not applies(connector())
    assert not applies(table()) and not applies(change_log(covers="none"))
