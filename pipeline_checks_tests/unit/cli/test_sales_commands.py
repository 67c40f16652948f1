"""The commands of the sales pipeline before they start anything: what they refuse, and with which exit code."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from pipeline_checks.cli.sales import faults, master, pipeline
from pipeline_checks.cli.sales.options import TESTS, run
from pipeline_checks.model.errors import ConfigurationError, TransientError

COMMANDS = {"sales-pipeline": pipeline.command, "sales-faults": faults.command, "sales-master": master.command}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_names_the_exit_codes_and_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(COMMANDS[name], name, ["--help"]) == 0
    told = capsys.readouterr().out
    assert "Exits 0" in told
    assert f"Example:\n    {name} " in told


def test_the_data_sets_are_those_of_the_seed() -> None:
    from pipeline_checks.pipelines.sales.seed.scenarios import DATA_SETS

    assert set(TESTS) == set(DATA_SETS) - {"error_recovery"}


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("sales-pipeline", ["--test", "nothing"]),
        ("sales-pipeline", ["--record-count", "0"]),
        ("sales-pipeline", ["--config", "/nowhere.yaml"]),
        ("sales-faults", []),
        ("sales-faults", ["--scenario", "nothing"]),
        ("sales-master", ["--log-level", "LOUD"]),
    ],
)
def test_wrong_usage_is_told_before_anything_is_started(
    name: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(COMMANDS[name], name, arguments) == 2
    assert capsys.readouterr().err


def test_a_wrong_configuration_is_told_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "sales.yaml"
    file.write_text("test_data:\n  small_dataset_size: 100\n  smal: 3\n")
    for name in ("sales-pipeline", "sales-master"):
        assert run(COMMANDS[name], name, ["--config", str(file)]) == 2
        told = capsys.readouterr().err
        assert "sales.yaml" in told and "smal" in told and "3" in told


@pytest.mark.parametrize(
    ("problem", "code"),
    [(ConfigurationError("wrong."), 2), (TransientError("away."), 3), (KeyboardInterrupt(), 130)],
)
def test_each_kind_of_end_has_its_exit_code(problem: BaseException, code: int) -> None:
    @click.command()
    def failing() -> None:
        raise problem

    assert run(failing, "failing", []) == code
