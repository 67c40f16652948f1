"""Prometheus itself judges the example rules as our tests do, and takes what the endpoint serves."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

import pytest
import yaml

from pipeline_checks.model.clock import Deadline, now
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.verification.ledger.ledger import Ledger
from pipeline_checks.verification.ledger.location import URL_VARIABLE, location
from pipeline_checks_tests.unit.reports.alert_rules import timelines
from pipeline_checks_tests.unit.reports.alert_rules.promql import Scrapes
from pipeline_checks_tests.unit.reports.alert_rules.rules import FILE, Fired, firing, rules
from pipeline_checks_tests.unit.reports.alert_rules.timelines import FAULTS, INSTANTS, STEP_MINUTES
from pipeline_checks_tests.unit.verification.ledger.runs import check, run

pytestmark = pytest.mark.prometheus
SECONDS = 30.0


def program(name: str) -> str:
    """Where a program of Prometheus lies; the test fails without it."""
    found = shutil.which(name)
    assert found is not None, (
        f"there is no {name}: install Prometheus, on Debian and Ubuntu `apt-get install prometheus`"
    )
    return found


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def series_of(scrapes: Scrapes) -> list[dict[str, str]]:
    """The scrapes as promtool takes them: each series with a value, or `_` for none, at every step."""
    told = []
    for labels, samples in scrapes.series.items():
        names = dict(labels)
        metric = names.pop("__name__")
        written = ",".join(f"{name}={json.dumps(value)}" for name, value in names.items())
        known = dict(samples)
        # Behind the last value of a series stands that it is gone, as a scrape tells it.
        values = " ".join(repr(known[at]) if at in known else "stale" for at in INSTANTS)
        told.append({"series": f"{metric}{{{written}}}", "values": values})
    return told


def expected(alert: str, fired: set[Fired]) -> dict[str, Any]:
    alerts = [
        {
            "exp_labels": {n: v for n, v in one.labels if n != "alertname"},
            "exp_annotations": {"summary": one.summary},
        }
        for one in fired
        if one.alert == alert
    ]
    return {"eval_time": f"{round(INSTANTS[-1])}s", "alertname": alert, "exp_alerts": alerts}


def test_prometheus_fires_the_same_alerts_with_the_same_words(tmp_path: Path) -> None:
    tests = []
    for name, (fault, _) in (("nothing", (None, set[str]())), *FAULTS.items()):
        scrapes = Scrapes.of(timelines.scrapes(fault))
        fired = firing(scrapes, INSTANTS)
        tests.append(
            {
                "name": name,
                "interval": f"{round(STEP_MINUTES * 60)}s",
                "input_series": series_of(scrapes),
                "alert_rule_test": [expected(rule["alert"], fired) for rule in rules()],
            }
        )
    file = tmp_path / "tests.yaml"
    step = f"{round(STEP_MINUTES * 60)}s"
    file.write_text(yaml.safe_dump({"rule_files": [str(FILE)], "evaluation_interval": step, "tests": tests}))
    done = subprocess.run(
        [program("promtool"), "test", "rules", str(file)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def serving(port: int) -> Iterator[None]:
    command = [str(Path(sys.executable).parent / "pipeline-checks"), "metrics", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        assert process.wait(SECONDS) == 0


@contextmanager
def prometheus(folder: Path, target: int) -> Iterator[str]:
    port = free_port()
    (folder / "prometheus.yml").write_text(
        yaml.safe_dump(
            {
                "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
                "rule_files": [str(FILE)],
                "scrape_configs": [
                    {"job_name": "pipeline_checks", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}
                ],
            }
        )
    )
    command = [
        program("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(SECONDS)


def asked(url: str) -> Any:
    """The data of an answer; None while nobody answers."""
    try:
        with urlopen(url, timeout=5) as answer:
            return json.load(answer)["data"]
    except (URLError, ConnectionError):
        return None


def test_a_failed_check_in_the_ledger_fires_in_prometheus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL_VARIABLE, f"sqlite:///{tmp_path / 'ledger.db'}")
    with Ledger(location()) as ledger:
        ledger.record(run(checks=(check(Verdict.FAIL),), started_at=now()))
    port = free_port()
    with serving(port), prometheus(tmp_path, port) as server:
        alerts = f"{server}/api/v1/alerts"

        def failed() -> list[dict[str, Any]] | None:
            found = (asked(alerts) or {}).get("alerts", [])
            return [a for a in found if a["labels"]["alertname"] == "CheckFailed" and a["state"] == "firing"] or None

        fired = Deadline(SECONDS).wait_until(failed)
        assert fired, asked(alerts)
        assert fired[0]["labels"]["stage"] == "lake"
        found = asked(f"{server}/api/v1/query?query={quote('pipeline_checks_stage_rows')}")["result"]
        assert [(s["metric"]["stage"], s["value"][1]) for s in found] == [("lake", "10")]
