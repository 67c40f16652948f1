"""Metrics of a ledger: what is newest of each check, however it came there, and never what was known before."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from pipeline_checks.alerts.sending import send_alerts
from pipeline_checks.model.clock import Deadline, now
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import RunResult
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.reports.ledger_metrics import LedgerMetrics
from pipeline_checks.verification.ledger.latest import LatestReader
from pipeline_checks.verification.ledger.ledger import Ledger
from pipeline_checks.verification.ledger.location import FILE, location
from pipeline_checks_tests.receiver import Receiver
from pipeline_checks_tests.unit.alerts.outcomes import outcome
from pipeline_checks_tests.unit.reports.test_prometheus import values
from pipeline_checks_tests.unit.verification.ledger.runs import check, run, stage

PASS, FAIL = Verdict.PASS, Verdict.FAIL
CONNECTOR = {("connector", "connector"): {"name": "cdc", "state": "FAILED"}}


def ran(number: int, minutes: float, *verdicts: tuple[str, Verdict], **fields: Any) -> RunResult:
    """A run that began so many minutes before now, with a verdict for each kind of check."""
    checks = tuple(check(verdict, check=kind, measures={"changed": 2, "n": number}) for kind, verdict in verdicts)
    return run(number, stage(rows=number), checks=checks, started_at=now() - timedelta(minutes=minutes), **fields)


RUNS = (
    ran(1, 50, ("counts", FAIL), ("reconcile", FAIL)),
    ran(2, 40, ("counts", PASS)),
    ran(3, 30, ("counts", FAIL), ("schema", PASS)),
    ran(4, 45, ("counts", PASS), ("nulls", PASS)),  # it took long: written behind those that began later
    ran(5, 20, ("counts", PASS), pipeline="other"),
)


def test_reading_what_is_new_gives_what_reading_everything_gives() -> None:
    with Ledger(location()) as ledger:
        step = None
        for one in RUNS:
            ledger.record(one, CONNECTOR)
            step = step or LatestReader(location())
            found = step.refresh()
        whole = LatestReader(location()).refresh()
    assert found == whole
    assert step is not None
    assert step.refresh() == whole
    assert {place: now.verdict for place, now in whole.checks.items()} == {
        ("shop", "lake", "counts"): "FAIL",
        ("shop", "lake", "reconcile"): "FAIL",
        ("shop", "lake", "schema"): "PASS",
        ("shop", "lake", "nulls"): "PASS",
        ("other", "lake", "counts"): "PASS",
    }
    assert whole.measures["shop", "lake", "counts", "n"] == 3
    assert whole.measures["shop", "lake", "reconcile", "n"] == 1
    assert whole.stages["shop", "lake"].rows == 3
    assert whole.said["shop", "counts", "PASS"] == 2
    assert whole.found == {("shop", "counts", "missing"): 2, ("shop", "reconcile", "missing"): 1}
    assert whole.changed == {("shop", "lake"): 2}
    assert whole.ran == {("shop", "FAIL"): 2, ("shop", "PASS"): 2, ("other", "PASS"): 1}
    assert whole.connectors == {("shop", "cdc"): "FAILED", ("other", "cdc"): "FAILED"}


def scraped(metrics: LedgerMetrics) -> str:
    registry = CollectorRegistry()
    registry.register(metrics)
    return generate_latest(registry).decode()


def test_a_ledger_that_is_away_tells_only_that(home_of_the_test: Path) -> None:
    said: list[str] = []
    metrics = LedgerMetrics(location(), {}, said.append)
    away = scraped(metrics)
    assert values(away, "pipeline_checks_ledger_readable") == {(): 0.0}
    assert "pipeline_checks_verdict" not in away
    assert scraped(metrics) == away
    with Ledger(location()) as ledger:
        ledger.record(RUNS[0])
    there = scraped(metrics)
    assert values(there, "pipeline_checks_ledger_readable") == {(): 1.0}
    assert values(there, "pipeline_checks_verdict")[("counts", "shop", "lake", "FAIL")] == 1
    assert said == [said[0], "the ledger can be read again"]
    assert "there is no ledger" in said[0]


def test_a_check_that_a_pipeline_does_not_have_any_more_is_not_told() -> None:
    with Ledger(location()) as ledger:
        for one in RUNS:
            ledger.record(one)
    metrics = LedgerMetrics(location(), {"shop": frozenset({("lake", "schema")})}, print)
    found = {(key[1], key[0]) for key in values(scraped(metrics), "pipeline_checks_verdict")}
    assert found == {("shop", "schema"), ("other", "counts")}


def test_alerts_that_are_open_and_messages_that_wait_are_counted(
    shop: Pipeline, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPS_SLACK", "http://127.0.0.1:9/gone")
    with Ledger(location()) as ledger:
        ledger.record(RUNS[0])
        ledger.record(RUNS[4])
    send_alerts(shop, [outcome(FAIL, 1)], lambda line: None, patience=0.0)
    text = scraped(LedgerMetrics(location(), {}, print))
    assert values(text, "pipeline_checks_alerts_open") == {("shop",): 2.0, ("other",): 0.0}  # the check, and Slack
    assert values(text, "pipeline_checks_alerts_waiting") == {("slack", "shop"): 1.0}


def test_the_endpoint_serves_what_is_new_and_ends_when_asked(home_of_the_test: Path) -> None:
    command = [str(Path(sys.executable).parent / "pipeline-checks"), "metrics", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ.copy()) as process:
        assert process.stderr is not None
        line = next(one for one in process.stderr if one.startswith("metrics at "))
        url = line.removeprefix("metrics at ").strip()
        with pytest.raises(HTTPError) as away:
            urlopen(url.replace("/metrics", "/health"), timeout=10)
        assert away.value.code == 503
        with Ledger(location()) as ledger:
            for one in RUNS[:2]:
                ledger.record(one)
                with urlopen(url, timeout=10) as answer:
                    assert answer.headers["Content-Type"].startswith("text/plain")
                    told = values(answer.read().decode(), "pipeline_checks_verdict")
                assert told["counts", "shop", "lake", str(one.checks[0].verdict)] == 1
        with urlopen(url.replace("/metrics", "/health"), timeout=10) as answer:
            assert json.load(answer)["ready"] is True
        process.send_signal(signal.SIGTERM)
        assert Deadline(10).wait_until(lambda: process.poll() is not None)
    assert process.returncode == 0


def test_metrics_are_written_once(home_of_the_test: Path, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from pipeline_checks.cli.main import cli

    file = tmp_path / "metrics" / "pipelines.prom"
    assert CliRunner().invoke(cli, ["metrics", "--once", str(file)], standalone_mode=False).return_value == 3
    assert not (home_of_the_test / FILE).exists()
    with Ledger(location()) as ledger:
        ledger.record(RUNS[0])
    assert CliRunner().invoke(cli, ["metrics", "--once", str(file)], standalone_mode=False).return_value == 0
    assert values(file.read_text(), "pipeline_health") == {("shop",): 0.0}
