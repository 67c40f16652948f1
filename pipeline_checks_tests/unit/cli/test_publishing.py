"""Results on the command line: reports written, the table shown, the exit code."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline_checks.cli.options import ReportFiles
from pipeline_checks.cli.services import show
from pipeline_checks.cli.verdicts import publish
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.result import CheckResult, RunResult
from pipeline_checks.model.verdict import Judgement, Verdict
from pipeline_checks.stack.status import ServiceState


def result(*verdicts: Verdict, pipeline: str = "shop") -> RunResult:
    checks = tuple(
        CheckResult("lake", f"check{i}", Judgement(v, "said", {"rows": 1}), 0.1) for i, v in enumerate(verdicts)
    )
    return RunResult("id", pipeline, datetime(2026, 1, 2, tzinfo=UTC), 1.0, None, (), checks)


@pytest.mark.parametrize(
    ("verdicts", "strict", "code"),
    [
        ([Verdict.PASS], False, 0),
        ([Verdict.PASS, Verdict.WARN], False, 0),
        ([Verdict.PASS, Verdict.WARN], True, 1),
        ([Verdict.PASS, Verdict.UNSETTLED], False, 3),
        ([Verdict.ERROR, Verdict.PASS], False, 3),
        ([Verdict.ERROR, Verdict.FAIL, Verdict.UNSETTLED], False, 1),
        ([], False, 3),
    ],
)
def test_the_worst_verdict_decides_the_exit_code(verdicts: list[Verdict], strict: bool, code: int) -> None:
    assert publish([result(*verdicts)], ReportFiles(), strict=strict) == code


def test_reports_are_written_into_folders_that_are_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(tmp_path / "new" / name) for name in ("r.json", "r.xml", "r.md")]
    publish([result(Verdict.FAIL, Verdict.PASS)], ReportFiles(*files))
    assert json.loads(Path(files[0]).read_text())["verdict"] == "FAIL"
    root = ElementTree.parse(files[1]).getroot()
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("2", "1", "0")
    assert "lake" in Path(files[2]).read_text()
    assert "lake" in capsys.readouterr().out


def test_a_machine_form_on_stdout_stands_there_alone(capsys: pytest.CaptureFixture[str]) -> None:
    publish([result(Verdict.PASS)], ReportFiles(json="-"))
    captured = capsys.readouterr()
    assert json.loads(captured.out)["verdict"] == "PASS"
    assert "lake" in captured.err


def test_several_pipelines_are_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    code = publish([result(Verdict.PASS), result(Verdict.FAIL, pipeline="pond")], ReportFiles(json="-"))
    document = json.loads(capsys.readouterr().out)
    assert (code, document["verdict"], [p["pipeline"] for p in document["pipelines"]]) == (1, "FAIL", ["shop", "pond"])


def test_a_report_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        publish([result(Verdict.PASS)], ReportFiles(json=str(tmp_path / "file" / "r.json")))


def test_services_are_shown_with_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    states = [
        ServiceState("postgres", "ready", 5432, 1, 61.0, 64 << 20, log=Path("/logs/postgres.log"), seconds=1.5),
        ServiceState("kafka", "failed", problem="the port is taken"),
    ]
    assert not show(states, None)
    out = capsys.readouterr().out
    assert "postgres  ready                      5432  61 s    64 MB   1.5 s  /logs/postgres.log" in out
    assert "failed: the port is taken" in out
    assert show(states[:1], None)
    assert not show([], None)


def test_services_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    show([ServiceState("postgres", "ready")], "-")
    document = json.loads(capsys.readouterr().out)
    assert (document["ready"], document["services"][0]["name"]) == (True, "postgres")
