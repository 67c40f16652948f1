"""The commands of scenarios and faults without services: lists, mistakes and their exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline_checks.cli import exits
from pipeline_checks.cli.main import run
from pipeline_checks.faults.catalogue import FAULTS
from pipeline_checks.faults.injury import Injury, InjuryBook


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and a working directory without pipelines of its own."""
    monkeypatch.setenv("PIPELINE_CHECKS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def test_without_a_name_the_scenarios_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["scenario", "cdc", "--json", "-"]) == exits.PASSED
    listed = json.loads(capsys.readouterr().out)["scenarios"]
    assert len(listed) >= 38
    assert all(s["name"] and s["description"] and s["target"] and s["fault"] in FAULTS for s in listed)


def test_list_tells_scenarios_and_faults(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "cdc", "--json", "-"]) == exits.PASSED
    document = json.loads(capsys.readouterr().out)
    assert {f["name"] for f in document["faults"]} == set(FAULTS)
    assert len(document["pipelines"][0]["scenarios"]) >= 38


def test_faults_are_listed_with_what_they_act_on_and_what_is_damaged(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    InjuryBook().record(Injury("lost_rows", "cdc", "delta_orders", "Rows are gone", id="abc"))
    assert run(["fault", "list", "cdc", "--json", "-"]) == exits.PASSED
    document = json.loads(capsys.readouterr().out)
    acts_on = {f["name"]: f["acts_on"] for f in document["faults"]}
    assert "cdc.iceberg_customers_changes" in acts_on["lost_rows"]
    assert acts_on["connections_cut"] == ["cdc.postgres"]
    assert "cdc.cdc_mover" in acts_on["crashed"]
    assert all(acts_on.values())
    assert document["injuries"] == [{"id": "abc", "fault": "lost_rows", "pipeline": "cdc", "target": "delta_orders"}]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["scenario", "cdc", "lost_row__delta_orders"], "Did you mean 'lost_rows__delta_orders'?"),
        (["fault", "inject", "lost_row", "cdc.delta_orders"], "there is no fault 'lost_row'"),
        (["fault", "inject", "lost_rows", "cdc.delta_order"], "'cdc' has no stage or service 'delta_order'"),
        (["fault", "inject", "lost_rows", "cdc.topic_orders"], "cannot act on 'topic_orders'"),
        (["fault", "undo"], "Name injuries"),
        (["fault", "undo", "abc"], "there is no injury 'abc'"),
    ],
)
def test_a_mistake_exits_2_with_what_to_do(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == exits.USAGE
    assert said in capsys.readouterr().err


def test_nothing_to_undo_is_no_mistake() -> None:
    assert run(["fault", "undo", "--all"]) == exits.PASSED
