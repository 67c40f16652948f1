"""``pipeline-checks history`` over a ledger of a few runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline_checks.cli import exits
from pipeline_checks.cli.main import run as cli
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.verification.ledger.ledger import Ledger
from pipeline_checks.verification.ledger.location import FILE, location
from pipeline_checks.verification.ledger.proofs import Proof
from pipeline_checks.verification.ledger.retention import KEEP_VARIABLE
from pipeline_checks_tests.unit.verification.ledger.runs import check, run, stage

Out = pytest.CaptureFixture[str]


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEEP_VARIABLE, "100000d")
    with Ledger(location()) as ledger:
        ledger.record(run(0))
        proof = Proof("pg", "lake", None, {"kind": "version", "value": 3}, None, None, 9, "p", "i")
        ledger.record(run(1, stage(9), checks=(check(Verdict.FAIL, measures={"rows": 9}),)), {}, [proof])


def document(out: Out) -> Any:
    return json.loads(out.readouterr().out)


@pytest.mark.usefixtures("recorded")
def test_the_numbers_of_a_stage_and_how_far_it_is_proved(capsys: Out) -> None:
    assert cli(["history", "lake"]) == exits.PASSED
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["MEASURE", "RUNS", "LAST", "LEAST", "GREATEST", "AT"]
    assert [line.split()[:5] for line in lines[1:3]] == [
        ["rows", "2", "9", "9", "10"],
        ["counts.rows", "2", "9", "9", "10"],
    ]
    assert lines[-1].startswith("verified against pg")
    assert cli(["history", "shop.lake", "--json", "-"]) == exits.PASSED
    told = document(capsys)
    assert [m["measure"] for m in told["measures"]] == ["rows", "rows", "share"]
    assert told["verified_through"][0]["position"] == {"kind": "version", "value": 3}


@pytest.mark.usefixtures("recorded")
def test_one_number_over_time(capsys: Out) -> None:
    assert cli(["history", "shop.lake", "counts.rows"]) == exits.PASSED
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["AT", "CHECK", "ROWS", "VERDICT", "RUN"]
    assert [line.split()[2:] for line in lines[1:]] == [
        ["counts", "10", "PASS", "run-0"],
        ["counts", "9", "FAIL", "run-1"],
    ]
    assert cli(["history", "lake", "counts.rows", "--last", "1", "--json", "-"]) == exits.PASSED
    assert [(v["run_id"], v["value"], v["verdict"]) for v in document(capsys)["values"]] == [("run-1", 9, "FAIL")]


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lak"], "It tells of: shop.lake."),
        (["other.lake"], "tells nothing of 'other.lake'"),
        (["lake", "nothing"], "It has: rows, counts.rows, counts.share."),
        (["lake", "rows", "--last", "0"], "0 is not in the range"),
    ],
)
def test_what_is_not_known_is_said_with_what_is(arguments: list[str], said: str, capsys: Out) -> None:
    assert cli(["history", *arguments]) == exits.USAGE
    assert said in capsys.readouterr().err


@pytest.mark.usefixtures("recorded")
def test_a_stage_of_two_pipelines_needs_the_pipeline(capsys: Out) -> None:
    with Ledger(location()) as ledger:
        ledger.record(run(2, pipeline="other"))
    assert cli(["history", "lake"]) == exits.USAGE
    assert "Write other.lake or shop.lake." in capsys.readouterr().err
    assert cli(["history", "other.lake"]) == exits.PASSED


def test_without_a_ledger_it_says_how_one_comes_to_be_and_makes_none(home_of_the_test: Path, capsys: Out) -> None:
    assert cli(["history", "lake"]) == exits.NOT_PROVED
    assert "run `pipeline-checks check` first" in capsys.readouterr().err
    assert not home_of_the_test.exists()


def test_a_file_that_is_no_ledger_is_said(home_of_the_test: Path, capsys: Out) -> None:
    home_of_the_test.mkdir()
    (home_of_the_test / FILE).write_bytes(b"no database at all" * 100)
    assert cli(["history", "lake"]) == exits.NOT_PROVED
    assert "Move the file away" in capsys.readouterr().err
