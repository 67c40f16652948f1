"""The command line without services: help, mistakes and their exit codes, lists, targets."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from pipeline_checks.cli import exits
from pipeline_checks.cli.main import COMMANDS, cli, run
from pipeline_checks.cli.targets import kinds, resolve
from pipeline_checks.model.errors import ConfigurationError, TerminalError, TransientError
from pipeline_checks_tests.unit.verification.yaml_pipeline import SHOP


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one pipeline, as the working directory, without any setting of a stack."""
    folder = tmp_path / "defs" / "shop"
    folder.mkdir(parents=True)
    (folder / "defs.yaml").write_text(SHOP, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for name in ("SHOP_URL", "CDC_POSTGRES_URL", "PIPELINE_CHECKS_HOME", "PIPELINE_CHECKS_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_help_lists_every_command_without_importing_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == exits.PASSED
    out = capsys.readouterr().out
    assert all(f"\n  {name} " in out for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == exits.PASSED
    out = capsys.readouterr().out
    assert "Example" in out
    assert f"pipeline-checks {name}" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["chek"], "Did you mean 'check'?"),
        (["check", "--deadline", "soon"], "'soon' is not a duration"),
        (["check", "--nonsense"], "No such option"),
        (["run"], "Missing argument"),
        (["run", "cdc", "--rows", "0"], "0 is not in the range"),
        (["check", "shap"], "there is no pipeline 'shap'"),
        (["check", "shop.lak"], "pipeline 'shop' has no stage 'lak'"),
        (["check", "shop", "--only", "count"], "Did you mean 'counts'?"),
        (["check", "shop"], "SHOP_URL"),
        (["seed", "shop"], "pipeline 'shop' has no seed data"),
        (["up", "shop"], "shop names no services to start"),
        (["check", "--project", "nowhere"], "there is no folder nowhere"),
        (["up", "--provider", "cloud"], "'cloud' is not one of"),
    ],
)
def test_a_mistake_exits_2_with_what_to_do(
    arguments: list[str], said: str, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == exits.USAGE
    captured = capsys.readouterr()
    assert said in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""


def test_a_mistake_in_a_file_is_told_with_its_line(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "defs/shop/defs.yaml").write_text(SHOP.replace("int64", "int46"), encoding="utf-8")
    assert run(["list", "shop"]) == exits.USAGE
    assert "defs/shop/defs.yaml:13: attributes.stages[0].contract.columns.customer_id" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("problem", "code", "said"),
    [
        (ConfigurationError("wrong", next_step="Mend it."), 2, "error: wrong\n  Mend it.\n"),
        (TransientError("away", next_step="Wait."), 3, "error: away\n  Wait.\n"),
        (TerminalError("gone"), 3, "error: gone\n"),
        (RuntimeError("a fault"), 3, "error: RuntimeError: a fault\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (click.Abort(), 130, "interrupted\n"),
    ],
)
def test_every_error_has_its_exit_code_and_no_traceback(
    problem: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def failing() -> None:
        raise problem

    monkeypatch.setattr(cli, "get_command", lambda *_: failing)
    assert run(["status"]) == code
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err


def test_debug_lets_errors_through(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def failing() -> None:
        raise TransientError("away")

    monkeypatch.setattr(cli, "get_command", lambda *_: failing)
    with pytest.raises(TransientError):
        run(["--debug", "status"], debug=True)


def test_list_names_stages_and_their_checks(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "shop", "--json", "-"]) == exits.PASSED
    listed = json.loads(capsys.readouterr().out)
    (pipeline,) = listed["pipelines"]
    assert listed["schema_version"] == 1
    assert [(s["name"], s["kind"], s["from"]) for s in pipeline["stages"]] == [
        ("source", "postgres_table", []),
        ("lake", "delta_table", ["source"]),
    ]
    assert pipeline["stages"][1]["checks"][:4] == ["counts", "schema", "duplicates", "freshness"]


def test_list_prints_a_table_for_people(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list"]) == exits.PASSED
    out = capsys.readouterr().out
    assert "\nsource  postgres_table" in out
    assert "\x1b[" not in out
    assert "cdc: " in out


def test_targets_name_whole_pipelines_and_single_stages(shop: Path) -> None:
    ((pipeline, stages),) = resolve(("shop.lake", "shop.source", "shop.lake"), None)
    assert (pipeline.name, stages) == ("shop", ("lake", "source"))
    assert [(p.name, s) for p, s in resolve(("shop.lake", "shop"), None)] == [("shop", None)]
    assert [p.name for p, _ in resolve((), None)] == ["cdc", "churn", "ingestion", "market_data", "sales", "shop"]


def test_kinds_are_split_at_commas_and_none_means_all() -> None:
    assert kinds("counts, schema") == ("counts", "schema")
    assert kinds(None) is None
    with pytest.raises(ConfigurationError, match="names no kind"):
        kinds(" ,")
