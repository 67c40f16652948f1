"""The commands against the running stack."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from pipeline_checks.checks.registry import KINDS, checks_of
from pipeline_checks.cli import exits
from pipeline_checks.cli.main import run
from pipeline_checks.pipelines.parts import seed_of
from pipeline_checks.verification.discovery import load_pipeline
from pipeline_checks_tests.conftest import RunningStack


@pytest.fixture(scope="module", autouse=True)
def seeded(stack: RunningStack) -> None:
    module = seed_of(load_pipeline("cdc"))
    if module.is_empty():
        module.seed(100, 42)


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    """Run a command with its machine form on stdout."""
    capsys.readouterr()
    assert run([*arguments, "--json", "-"]) == exits.PASSED
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_status_names_every_service_with_its_log(capsys: pytest.CaptureFixture[str]) -> None:
    services = {s["name"]: s for s in document(capsys, "status")["services"]}  # type: ignore[attr-defined]
    for name in ("postgres", "kafka", "connect", "cdc_mover", "cdc_api"):
        assert services[name]["state"] == "ready"
        assert Path(services[name]["log"]).is_file()
        assert services[name]["memory_bytes"] > 0


def test_one_stage_and_some_checks_of_it_can_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "check", "cdc.iceberg_orders", "--only", "counts,duplicates")
    assert [(c["stage"], c["check"]) for c in found["checks"]] == [  # type: ignore[attr-defined]
        ("iceberg_orders", "counts"),
        ("iceberg_orders", "duplicates"),
    ]
    assert found["cut"]["kind"] == "postgres_snapshot"  # type: ignore[index]


def test_a_check_of_everything_says_in_each_report_what_it_looked_at(tmp_path: Path) -> None:
    files = {form: tmp_path / f"report.{form}" for form in ("json", "junit", "markdown")}
    options = [part for form, file in files.items() for part in (f"--{form}", str(file))]
    assert run(["up", "cdc"]) == exits.PASSED
    # Tests before this one killed services: how late events were then says nothing about the command.
    kinds = [kind for kind in KINDS if kind != "latency"]
    assert run(["check", "cdc", "--only", ",".join(kinds), *options]) == exits.PASSED
    found = json.loads(files["json"].read_text())
    pipeline = load_pipeline("cdc")
    assert {(c["stage"], c["check"]) for c in found["checks"]} == {
        (s.name, c.kind) for s in pipeline.stages for c in checks_of(s) if c.kind in kinds
    }
    assert all(s["covers_cut"] is True for s in found["stages"])
    may_be_empty = {s.name for s in pipeline.stages if s.may_be_empty}
    looked_at_nothing = {c["stage"] for c in found["checks"] if not any(c["looked_at"].values())}
    assert looked_at_nothing <= may_be_empty
    root = ElementTree.parse(files["junit"]).getroot()
    assert (int(root.get("tests", 0)), root.get("failures"), root.get("errors")) == (len(found["checks"]), "0", "0")
    assert "delta_orders" in files["markdown"].read_text()


def test_up_again_changes_nothing_and_says_so(stack: RunningStack, capsys: pytest.CaptureFixture[str]) -> None:
    before = stack.settings
    services = document(capsys, "up", "cdc")["services"]
    assert all(s["state"] in ("ready", "done") for s in services)  # type: ignore[attr-defined]
    assert stack.settings == before


def test_rows_that_are_there_are_not_seeded_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["seed", "cdc", "--rows", "10"]) == exits.USAGE
    assert "Traceback" not in capsys.readouterr().err
