"""``pipeline-checks report``: reports of runs that are over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline_checks.cli import exits
from pipeline_checks.cli.main import run as cli
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.verification.ledger.ledger import Ledger
from pipeline_checks.verification.ledger.location import location
from pipeline_checks.verification.ledger.retention import KEEP_VARIABLE
from pipeline_checks_tests.unit.reports.html.reading import read
from pipeline_checks_tests.unit.verification.ledger.runs import check, run

Out = pytest.CaptureFixture[str]


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A ledger with runs of a pipeline that is declared nowhere; the folder is that of a project without pipelines."""
    monkeypatch.setenv(KEEP_VARIABLE, "100000d")
    monkeypatch.chdir(tmp_path)
    with Ledger(location()) as ledger:
        ledger.record(run(0, checks=(check(Verdict.FAIL),)))
        ledger.record(run(1))
    return tmp_path


def test_the_last_run_is_told_with_the_exit_code_of_its_check(recorded: Path, capsys: Out) -> None:
    assert cli(["report"]) == exits.PASSED
    assert "shop: PASS" in capsys.readouterr().out
    assert cli(["report", "run-0", "--json", "-"]) == exits.FAILED
    assert json.loads(capsys.readouterr().out)["run_id"] == "run-0"


def test_the_page_of_a_run_has_its_past_up_to_it(recorded: Path) -> None:
    assert cli(["report", "--last", "--html", "new/r.html"]) == exits.PASSED
    tree = read((recorded / "new" / "r.html").read_text())
    assert len(tree.section("History").all("rect")) == 2
    assert cli(["report", "run-0", "--html", "r0.html"]) == exits.FAILED
    tree = read((recorded / "r0.html").read_text())
    assert len(tree.section("History").all("rect")) == 1
    assert "id 4 is missing" in tree.section("Findings").text


def test_the_page_on_stdout_stands_there_alone(recorded: Path, capsys: Out) -> None:
    cli(["report", "--html", "-"])
    captured = capsys.readouterr()
    assert captured.out.startswith("<!doctype html>")
    assert "shop: PASS" in captured.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["gone"], "no run begins with 'gone'"), (["run"], "several runs begin"), (["run-0", "--last"], "or give --last")],
)
def test_what_is_not_there_is_said(recorded: Path, arguments: list[str], said: str, capsys: Out) -> None:
    assert cli(["report", *arguments]) == exits.USAGE
    assert said in capsys.readouterr().err


def test_without_a_ledger_it_is_said_how_to_get_one(capsys: Out) -> None:
    assert cli(["report"]) == exits.NOT_PROVED
    assert "run `pipeline-checks check` first" in capsys.readouterr().err
