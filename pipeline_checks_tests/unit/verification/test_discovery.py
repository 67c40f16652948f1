"""Pipelines are found in this package and in the project that a command is run in."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.verification.discovery import load_pipeline, sources
from pipeline_checks_tests.unit.verification.yaml_pipeline import SHOP


def project(folder: Path, where: str = "defs/shop") -> Path:
    (folder / where).mkdir(parents=True)
    (folder / where / "defs.yaml").write_text(SHOP, encoding="utf-8")
    return folder


def test_our_pipelines_are_found_everywhere(tmp_path: Path) -> None:
    assert "cdc" in [s.name for s in sources(tmp_path)]


def test_a_project_s_pipelines_are_found_in_its_defs_folder(tmp_path: Path) -> None:
    assert load_pipeline("shop", project(tmp_path)).name == "shop"


def test_the_folder_named_in_pyproject_is_read(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.dg.project]\nroot_module = "mine"\ndefs_module = "mine.defs"\n')
    assert load_pipeline("shop", project(tmp_path, "src/mine/defs/shop")).name == "shop"


def test_the_working_directory_is_the_project_when_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project(tmp_path))
    assert load_pipeline("shop").name == "shop"


def test_a_mistake_in_one_pipeline_does_not_keep_others_from_being_loaded(tmp_path: Path) -> None:
    file = project(tmp_path) / "defs" / "shop" / "defs.yaml"
    file.write_text(SHOP.replace("kind: delta_table", "kind: nothing"), encoding="utf-8")
    assert load_pipeline("cdc", tmp_path).name == "cdc"
    with pytest.raises(ConfigurationError, match=r"defs/shop/defs\.yaml:17: "):
        load_pipeline("shop", tmp_path)


def test_an_unknown_pipeline_is_told_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no pipeline 'shup'") as caught:
        load_pipeline("shup", project(tmp_path))
    assert "shop" in caught.value.next_step


def test_two_pipelines_of_one_name_are_refused(tmp_path: Path) -> None:
    project(tmp_path)
    project(tmp_path, "defs/other")
    with pytest.raises(ConfigurationError, match="two pipelines are named 'shop'"):
        sources(tmp_path)


def test_components_of_other_types_are_left_to_dagster(tmp_path: Path) -> None:
    file = project(tmp_path) / "defs" / "shop" / "defs.yaml"
    file.write_text(SHOP.replace("pipeline_checks.VerifiedPipeline", "other.Component"), encoding="utf-8")
    assert "shop" not in [s.name for s in sources(tmp_path)]


def test_a_project_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no folder"):
        sources(tmp_path / "nowhere")
