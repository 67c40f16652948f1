"""The commands: check --alert and --metrics, and alerts list, test, mute and send."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from deltalake import write_deltalake

from pipeline_checks.cli.main import cli
from pipeline_checks_tests.receiver import Receiver
from pipeline_checks_tests.unit.reports.test_prometheus import values

DEFS = """
type: pipeline_checks.VerifiedPipeline
attributes:
  name: corner
  alerts: {{channels: [{{kind: webhook, url: {{env: OPS_HOOK}}}}]}}
  stages:
    - name: lake
      kind: delta_table
      path: {folder}/lake
      contract: {{key: [id], columns: {{id: int64, email: {{type: string, nullable: false}}}}}}
"""
Command = Callable[..., Result]


@pytest.fixture
def command(tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs a command in a project with one table."""
    (tmp_path / "defs" / "corner").mkdir(parents=True)
    (tmp_path / "defs" / "corner" / "defs.yaml").write_text(DEFS.format(folder=tmp_path))
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(cli, list(arguments), standalone_mode=False, catch_exceptions=False)


def table(folder: Path, *emails: str | None) -> None:
    rows = pa.table({"id": pa.array(range(len(emails)), pa.int64()), "email": pa.array(emails, pa.string())})
    write_deltalake(str(folder / "lake"), rows, mode="overwrite")


def test_check_tells_channels_and_writes_metrics(command: Command, tmp_path: Path, receiver: Receiver) -> None:
    file = tmp_path / "out" / "corner.prom"
    table(tmp_path, "a", None)
    for _ in range(2):
        done = command("check", "corner", "--only", "nulls,duplicates", "--alert", "--metrics", str(file))
        assert done.return_value == 1
    found = values(file.read_text(), "pipeline_checks_verdict")
    assert found["nulls", "corner", "lake", "FAIL"] == found["duplicates", "corner", "lake", "PASS"] == 1
    assert [p.name for p in file.parent.iterdir()] == ["corner.prom"]
    assert [d["title"] for d in receiver.of("/hook")] == ["corner: 1 FAIL"]

    table(tmp_path, "a", "b")
    done = command("check", "corner", "--only", "nulls,duplicates", "--alert", "--metrics", "-")
    assert done.return_value == 0
    assert values(done.stdout, "pipeline_health") == {("corner",): 1.0}
    assert [d["title"] for d in receiver.of("/hook")] == ["corner: 1 FAIL", "corner: 1 recovered"]


def test_a_check_without_the_option_tells_nobody(command: Command, tmp_path: Path, receiver: Receiver) -> None:
    table(tmp_path, "a", None)
    assert command("check", "corner", "--only", "nulls").return_value == 1
    assert receiver.posted == []


def test_what_is_open_muted_and_waiting_is_listed(command: Command, tmp_path: Path, receiver: Receiver) -> None:
    table(tmp_path, "a", None)
    receiver.answers = [(404, {})]
    command("check", "corner", "--only", "nulls", "--alert")
    muted = command("alerts", "mute", "corner", "la*", "--for", "2h", "--reason", "moving house")
    assert "corner, la*, *: muted until " in muted.stdout
    listed = command("alerts", "list").stdout
    assert "nulls" in listed
    assert "waits for webhook: corner: 1 FAIL, tried 1 times: the webhook 'webhook' at 127.0.0.1 answered 404" in listed
    assert "corner, la*, * (moving house)" in listed
    document = json.loads(command("alerts", "list", "--json", "-").stdout)
    assert [a["check"] for a in document["open"]] == ["nulls", "alerts to webhook"]
    assert (len(document["waiting"]), len(document["mutes"])) == (1, 1)

    assert command("alerts", "send", "corner").stdout == "2 sent\n"
    assert [d["title"] for d in receiver.of("/hook")] == ["corner: 1 FAIL", "corner: 1 FAIL", "corner: 1 recovered"]
    assert command("alerts", "unmute", "corner").stdout == "1 ended\n"
    assert "muted" not in command("alerts", "list").stdout


def test_channels_are_tried(command: Command, receiver: Receiver) -> None:
    done = command("alerts", "test", "corner")
    assert (done.return_value, done.stdout) == (0, "corner, webhook: taken\n")
    receiver.answers = [(410, {})]
    done = command("alerts", "test", "corner")
    assert done.return_value == 3
    assert "answered 410" in done.stdout
    assert receiver.of("/hook")[0]["title"] == "corner: this is a test, nothing is wrong"
