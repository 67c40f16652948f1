"""A service as the only program of a container."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.pipelines import run_service
from pipeline_checks.pipelines.run_service import PORT, find, placement_of, run
from pipeline_checks.stack.service import Placement, Service

CDC = "pipeline_checks.pipelines.cdc.services"


def test_a_service_is_found_in_the_module_of_its_pipeline_or_among_the_shared_ones():
    assert find(CDC, "cdc_api").name == "cdc_api"
    assert find("pipeline_checks.stack.services", "spark_connect").name == "spark_connect"


def test_an_unknown_service_is_refused_with_the_names_there_are():
    with pytest.raises(ConfigurationError, match=r"no service 'cdc_apy'.*cdc_api"):
        find(CDC, "cdc_apy")


def test_folders_are_those_outside_and_the_port_is_that_of_the_container(monkeypatch, tmp_path):
    monkeypatch.setenv("PIPELINE_CHECKS_DATA_FOLDER", str(tmp_path))
    monkeypatch.setenv("SOME_URL", "http://elsewhere:8000")
    placement = placement_of(Service("api", ports=("api", "api_metrics")))
    assert placement.folder == tmp_path / "services" / "api"
    assert placement.ports == {"api": PORT, "api_metrics": PORT}
    assert placement.settings["SOME_URL"] == "http://elsewhere:8000"


def test_a_step_within_a_command_is_done_and_nothing_else_is_started(monkeypatch, tmp_path):
    monkeypatch.setenv("PIPELINE_CHECKS_DATA_FOLDER", str(tmp_path))
    done: list[str] = []
    prepared: list[Path] = []

    def act(placement: Placement) -> None:
        done.append(placement.name)

    service = Service("step", once=True, action=act, prepare=lambda placement: prepared.append(placement.folder))
    assert run(service) == 0
    assert (done, prepared) == (["step"], [tmp_path / "services" / "step"])


def test_this_process_becomes_the_program_in_its_folder_with_its_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("PIPELINE_CHECKS_DATA_FOLDER", str(tmp_path))
    started: list[tuple[str, list[str], str, str]] = []

    def become(program: str, words: list[str], environment: dict[str, str]) -> None:
        started.append((program, words, environment["MODE"], environment["PATH"]))

    monkeypatch.setattr(run_service.os, "execvpe", become)
    monkeypatch.chdir(tmp_path)
    service = Service("api", command=lambda placement: (sys.executable, "-V"), environment=lambda _: {"MODE": "on"})
    run(service)
    assert started == [(sys.executable, [sys.executable, "-V"], "on", os.environ["PATH"])]
    assert Path.cwd() == tmp_path / "services" / "api"
