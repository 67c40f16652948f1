"""The declared topics."""

from __future__ import annotations

from pipeline_checks.pipelines.churn.flow.topics import Deviation, declared


def test_three_topics_of_two_profiles() -> None:
    dev, test = declared(), declared(".test.1", "test")
    assert [(t.name, t.partitions, t.replication) for t in dev] == [
        ("telco.raw.customers", 3, 1),
        ("telco.churn.predictions", 3, 1),
        ("telco.deadletter", 1, 1),
    ]
    assert [t.name for t in test] == [f"{t.name}.test.1" for t in dev]
    assert {(t.config["retention.ms"], t.config["cleanup.policy"]) for t in dev} == {("604800000", "delete")}
    assert {(t.config["retention.ms"], t.config["segment.ms"]) for t in test} == {("3600000", "60000")}


def test_a_deviation_says_what_is_and_what_should_be() -> None:
    assert str(Deviation("t", "partitions", "3", "1")) == "t: partitions is 1, declared is 3"
