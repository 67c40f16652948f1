"""Every damage of every scenario is found exactly, and undone without a trace: ``docs/detection-matrix.md``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline_checks.clients.settings import HOME_VARIABLE
from pipeline_checks.orchestration.scenario_job import scenario_job
from pipeline_checks.pipelines.parts import scenarios_of
from pipeline_checks.scenarios.matrix import render
from pipeline_checks.scenarios.runner import KINDS
from pipeline_checks.verification.discovery import load_pipeline
from pipeline_checks_tests.conftest import OURS
from pipeline_checks_tests.syntax import ROOT

pytestmark = pytest.mark.timeout(1800)

ROWS = 200
MATRIX = ROOT / "docs" / "detection-matrix.md"
PIPELINE = load_pipeline("cdc")
NAMES = [s.name for s in scenarios_of(PIPELINE)]


@dataclass(frozen=True)
class Run:
    """The command as it ended, its document, and how it is run again in the same home."""

    code: int
    document: Mapping[str, Any]
    errors: str
    home: Path
    environment: Mapping[str, str]

    def again(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another command on the stack that the scenarios have left."""
        return run(self.environment, *arguments)

    def outcome(self, name: str) -> dict[str, Any]:
        """Return what became of a scenario."""
        found: dict[str, Any] = next(o for o in self.document["scenarios"] if o["scenario"] == name)
        return found


def run(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``pipeline-checks`` as a user does."""
    command = [str(Path(sys.executable).with_name("pipeline-checks")), *arguments]
    return subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def everything(module_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run all scenarios on a stack of their own, and write the matrix."""
    environment = {name: value for name, value in os.environ.items() if name not in OURS}
    environment[HOME_VARIABLE] = str(module_home)
    file = tmp_path_factory.mktemp("scenarios") / "scenarios.json"
    done = run(environment, "scenario", "cdc", "--all", "--rows", str(ROWS), "--json", str(file))
    assert file.exists(), done.stderr
    document = json.loads(file.read_text())
    MATRIX.write_text(render(document))
    return Run(done.returncode, document, done.stderr, module_home, environment)


@pytest.mark.parametrize("name", NAMES)
def test_exactly_what_was_damaged_is_found_and_nothing_else(name: str, everything: Run) -> None:
    outcome = everything.outcome(name)
    assert outcome["differences"] == []
    assert outcome["exact"] is True
    assert outcome["keys_exact"] is True
    assert outcome["found_by"] or outcome["verdicts"]


def test_the_command_says_by_its_exit_code_whether_all_was_exact(everything: Run) -> None:
    assert everything.code == (0 if everything.document["exact"] else 1), everything.errors[-2000:]
    assert sorted(o["scenario"] for o in everything.document["scenarios"]) == sorted(NAMES)


def test_nothing_is_left_of_the_damage(everything: Run) -> None:
    left = json.loads(everything.again("fault", "list", "cdc", "--json", "-").stdout)
    assert left["injuries"] == []
    # As the scenarios: latency tells for an hour of the events that waited while their services were away.
    checked = everything.again("check", "cdc", "--only", ",".join(KINDS), "--json", "-")
    document = json.loads(checked.stdout)
    assert [f for c in document["checks"] for f in c["findings"]] == []
    assert checked.returncode == 0, document["verdict"]


def test_a_damage_by_hand_is_undone_by_another_process(everything: Run) -> None:
    injected = everything.again("fault", "inject", "lost_rows", "cdc.iceberg_inventory", "--json", "-")
    injury = json.loads(injected.stdout)["injury"]
    checked = everything.again("check", "cdc.iceberg_inventory", "--only", "counts", "--json", "-")
    (counts,) = json.loads(checked.stdout)["checks"]
    assert checked.returncode == 1
    assert [f["key"] for f in counts["findings"]] == injury["keys"]
    refused = everything.again("scenario", "cdc", "lost_rows__delta_orders")
    assert refused.returncode != 0
    assert f"cdc is damaged already: {injury['id']}" in refused.stderr
    assert everything.again("fault", "undo", injury["id"]).returncode == 0
    assert everything.again("check", "cdc.iceberg_inventory", "--only", "counts").returncode == 0


def test_the_job_does_what_the_command_does(everything: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OURS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(HOME_VARIABLE, str(everything.home))
    job = scenario_job(PIPELINE)
    assert job is not None
    result = job.execute_in_process(run_config=chosen("lost_in_batch__iceberg_inventory"))
    (event,) = [e for e in result.all_events if e.event_type_value == "STEP_OUTPUT"]
    metadata = event.event_specific_data.metadata  # type: ignore[union-attr]
    assert metadata["exact"].value is True
    assert "| lost_in_batch | iceberg_inventory |" in metadata["matrix"].value


def test_the_job_refuses_a_scenario_that_is_not_there() -> None:
    job = scenario_job(PIPELINE)
    assert job is not None
    result = job.execute_in_process(run_config=chosen("nothing"), raise_on_error=False)
    assert not result.success
    (failure,) = [e for e in result.all_events if e.is_step_failure]
    assert "there is no scenario 'nothing'" in str(failure.step_failure_data.user_failure_data)


def chosen(*names: str) -> dict[str, Any]:
    """Return the configuration of the job."""
    return {"ops": {"cdc_run_scenarios": {"config": {"scenarios": list(names)}}}}
