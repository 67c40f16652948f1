"""Dagster's own commands accept the project as it lies in the repository."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from pipeline_checks_tests.dagster.processes import BIN, fast_folder
from pipeline_checks_tests.syntax import ROOT


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("dagster", "definitions", "validate", "-w", "workspace.yaml"), "passed validation"),
        (("dg", "check", "defs"), "All definitions loaded successfully"),
        (("dg", "list", "defs", "--json"), '"cdc_run"'),
    ],
    ids=lambda value: value[0] + " " + value[1] if isinstance(value, tuple) else "",
)
def test_a_command_of_dagster_accepts_the_project(command: tuple[str, ...], said: str) -> None:
    with fast_folder() as home:
        shutil.copy(ROOT / "dagster.yaml", home / "dagster.yaml")
        environment = {**os.environ, "DAGSTER_HOME": str(home), "PATH": f"{BIN}:{os.environ['PATH']}"}
        done = subprocess.run(
            [str(BIN / command[0]), *command[1:]],
            cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert said in done.stdout + done.stderr
