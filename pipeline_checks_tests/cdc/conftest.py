"""The CDC pipeline on the session's stack, with the main job run on it once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.verification.discovery import load_pipeline
from pipeline_checks_tests.cdc.commands import Command, run_command
from pipeline_checks_tests.cdc.settling import Topics, topic_readers
from pipeline_checks_tests.conftest import MANAGED, RunningStack


@dataclass(frozen=True)
class MainJob:
    """What the main job printed and wrote: exit code, its JSON document, what the source must hold."""

    command: Command
    document: dict[str, Any]
    source: dict[str, Any]


@pytest.fixture(scope="session")
def main_job(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> MainJob:
    """Run the main job as a user does, on the stack that is up, and leave it up."""
    folder = tmp_path_factory.mktemp("main_job")
    file = folder / "cdc.json"
    reports = ("--json", str(file), "--junit", str(folder / "cdc.xml"), "--markdown", str(folder / "cdc.md"))
    provider = () if MANAGED else ("--provider", "external")
    command = run_command("run", "cdc", "--keep", *provider, *reports)
    assert file.exists(), command.errors
    source = json.loads((stack.home / "cdc-source.json").read_text())
    return MainJob(command, json.loads(file.read_text()), source)


@pytest.fixture(scope="session")
def topics(main_job: MainJob) -> Topics:
    """Independent readers of the captured tables' topics, on the stack that the main job has filled."""
    return topic_readers()


@pytest.fixture(scope="session")
def pipeline() -> Pipeline:
    """The pipeline as it is declared."""
    return load_pipeline("cdc")
