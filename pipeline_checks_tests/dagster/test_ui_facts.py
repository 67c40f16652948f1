"""What the UI shows besides verdicts: owners, descriptions, kinds, plots, and the way to the report of a run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pipeline_checks.orchestration.names import ICONS
from pipeline_checks.orchestration.run_report import FOLDER_VARIABLE, URL_VARIABLE
from pipeline_checks.stages.registry import KINDS
from pipeline_checks.verification.ledger.retention import KEEP_VARIABLE
from pipeline_checks_tests.dagster.projects import evaluations, load_project, make_lake
from pipeline_checks_tests.unit.reports.html.reading import read

OWNED = "  name: lake\n  description: Two tables of a shop\n  owners: [team:data, ann@shop.example]\n"


def owned(folder: Path) -> str:
    text = make_lake(folder, emails=("a@b", None)).replace("  name: lake\n", OWNED)
    orders = "    - name: orders\n"
    return text.replace(orders, f"{orders}      owners: team:sales\n      description: Every order\n")


def test_assets_have_owners_groups_kinds_and_descriptions(tmp_path: Path) -> None:
    graph = load_project(tmp_path, owned(tmp_path)).resolve_asset_graph()
    customers, orders = (graph.get(dg.AssetKey(["lake", name])) for name in ("customers", "orders"))
    assert list(customers.owners) == ["team:data", "ann@shop.example"]
    assert (list(orders.owners), orders.description) == (["team:sales"], "Every order")
    assert {customers.group_name, orders.group_name} == {"lake"}
    assert customers.kinds == {"deltalake", "table"}


def test_every_kind_of_stage_has_its_icons() -> None:
    assert set(ICONS) == set(KINDS)
    assert all(1 <= len(kinds) <= 3 for kinds in ICONS.values())


def test_assets_and_checks_lead_to_the_page_of_their_run(tmp_path: Path) -> None:
    job = load_project(tmp_path, owned(tmp_path)).resolve_job_def("lake_run")
    result = job.execute_in_process()
    file = tmp_path / "reports" / f"lake-{result.run_id}.html"
    found: list[dict[str, Any]] = [dict(e.metadata) for e in evaluations(result).values()]
    found += [dict(m.materialization.metadata) for m in result.get_asset_materialization_events()]
    assert {str(m["report"].value) for m in found} == {str(file)}
    tree = read(file.read_text())
    assert "nulls" in tree.section("Not passed").text
    assert "owned by team:data, ann@shop.example" in tree.text
    assert "owned by team:sales" in tree.section("Stages").text
    assert len(tree.section("History").all("rect")) == 1, "the run itself is part of its past"


def test_a_served_folder_is_linked_by_its_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL_VARIABLE, "https://ci.example/reports/")
    result = load_project(tmp_path, make_lake(tmp_path)).resolve_job_def("lake_check").execute_in_process()
    (link,) = {e.metadata["report"] for e in evaluations(result).values()}
    assert isinstance(link, dg.UrlMetadataValue)
    assert link.value == f"https://ci.example/reports/lake-{result.run_id}.html"


def test_a_report_that_cannot_be_written_costs_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "file" / "reports"))
    result = load_project(tmp_path, make_lake(tmp_path)).resolve_job_def("lake_check").execute_in_process()
    assert result.success
    assert evaluations(result)["orders.values"].passed


def test_old_reports_go_and_those_of_others_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEEP_VARIABLE, "30d")
    folder = tmp_path / "reports"
    folder.mkdir()
    for name, age in (("lake-old.html", 40), ("lake-new.html", 20), ("pond-old.html", 40), ("lake-old.txt", 40)):
        (folder / name).write_text("")
        written = (folder / name).stat().st_mtime - age * 86400
        os.utime(folder / name, (written, written))
    result = load_project(tmp_path, make_lake(tmp_path)).resolve_job_def("lake_check").execute_in_process()
    left = {file.name for file in folder.iterdir()}
    assert left == {"lake-new.html", "pond-old.html", "lake-old.txt", f"lake-{result.run_id}.html"}
