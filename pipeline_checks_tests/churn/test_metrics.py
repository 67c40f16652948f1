"""What the consumer tells of itself equals what lies in the topics."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import httpx
from prometheus_client.parser import text_string_to_metric_families

from pipeline_checks.model.clock import Deadline
from pipeline_checks.pipelines.churn.flow.alerts import RULES, AlertBook, sample_of
from pipeline_checks_tests.churn.customers import message, valid
from pipeline_checks_tests.churn.programs import Programs
from pipeline_checks_tests.churn.topics import Topics

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scrape(url: str) -> Samples:
    """Return the samples by name and labels."""
    families = text_string_to_metric_families(httpx.get(f"{url}/metrics").text)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def value(samples: Samples, name: str, **labels: str) -> float | None:
    """Return a sample, None when there is none."""
    return samples.get((name, frozenset(labels.items())))


def test_the_metrics_equal_the_ledger(programs: Programs, topics: Topics) -> None:
    consumer = programs.consumer(
        topics, "--metrics-port", "0", "--log-level", "DEBUG", "--fault", "model-raises=0007-VALID"
    )
    url = consumer.wait_until_said("metrics on ").rpartition(" ")[2].removesuffix("/metrics")
    consumer.wait_until_said("partitions assigned")
    healthy = Deadline(10).wait_until(lambda: httpx.get(f"{url}/health").status_code == 200)
    assert healthy
    health = httpx.get(f"{url}/health").json()
    assert health["status"] == "healthy"
    assert health["checks"] == {"broker_connection": "pass", "model_loaded": "pass"}
    before = httpx.get(f"{url}/metrics").text
    made = [valid(n) for n in range(80)]
    bad = [message(m, Contract="Three year") for m in made[:6]]
    topics.send([*((m["customerID"], m) for m in [*made[6:], *bad]), ("k", b"nothing"), ("l", None)])
    topics.wait_until_consumed()

    def lag_is_zero() -> bool:
        found = scrape(url)
        return all(value(found, "kafka_consumer_lag", topic=topics.raw, partition=str(p)) == 0 for p in range(3))

    assert Deadline(10).wait_until(lag_is_zero), scrape(url)
    counts = topics.assert_conserved(82)
    errors = Counter(r.body["error_type"] for r in topics.read(topics.dead_letters))
    assert errors == {"validation_error": 6, "processing_error": 2, "inference_error": 1}
    samples = scrape(url)
    for status, number in (("success", counts["predictions"]), ("failed", counts["dead_letters"])):
        assert value(samples, "kafka_messages_processed_total", status=status, topic=topics.raw) == number
    for error_type in ("validation_error", "processing_error", "inference_error", "unknown_error"):
        found = value(samples, "kafka_messages_failed_total", error_type=error_type, topic=topics.raw)
        assert found == errors[error_type], error_type
    expected = {"total": 82, "validation": 80, "transformation": 74, "inference": 73}
    for operation, number in expected.items():
        assert value(samples, "kafka_processing_latency_seconds_count", operation=operation) == number, operation
    assert value(samples, "kafka_consumer_model_loaded") == 1
    assert value(samples, "kafka_consumer_broker_connected") == 1
    labels = {
        "version": "1.0",
        "mode": "streaming",
        "broker": topics.broker,
        "consumer_group": topics.group,
        "model_backend": "sklearn",
    }
    assert value(samples, "kafka_consumer_info", **labels) == 1
    assert httpx.get(f"{url}/elsewhere").status_code == 404
    alerts = AlertBook([replace(rule, seconds=rule.seconds / 10) for rule in RULES])
    fired = set(alerts.observe(sample_of(before, 0.0)))
    for at in range(10, 50, 10):
        fired |= set(alerts.observe(sample_of(httpx.get(f"{url}/metrics").text, at)))
    assert fired == {"HighErrorRate"}
    ended = consumer.stop()
    assert ended.code == 0, ended.errors
    _assert_log(ended.log, counts)


def _assert_log(log: list[dict[str, object]], counts: Counter[str]) -> None:
    """Each message has one line of an event, with the fields that fit."""
    events = Counter(str(line["event_type"]) for line in log if "event_type" in line)
    assert events == {
        "message_processed": counts["predictions"],
        "validation_failure": 6,
        "transformation_failure": 2,
        "inference_failure": 1,
    }
    for line in log:
        assert {"timestamp", "level", "logger", "message", "module", "function", "line"} <= set(line)
        if line.get("event_type") == "message_processed":
            assert {"message_id", "topic", "partition", "offset", "latency_ms", "prediction"} <= set(line), json.dumps(
                line
            )
