"""The folder of Delta tables is found where the environment does not name it, and never guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_checks.clients.delta_places import find_delta_place
from pipeline_checks.clients.settings import HOME_VARIABLE, resolve
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.secret import EnvironmentVariable

NAME = "TABLES_OF_TEST"


def tables(folder: Path) -> Path:
    (folder / "customers" / "_delta_log").mkdir(parents=True)
    return folder


@pytest.fixture
def variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EnvironmentVariable:
    """A variable that is not set, with one place in the home and one outside."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    monkeypatch.delenv(NAME, raising=False)
    return EnvironmentVariable(env=NAME, probe=("lake/delta", str(tmp_path / "mounted")))


@pytest.mark.parametrize("place", ["home/lake/delta", "mounted"])
def test_the_only_place_with_tables_is_taken(place: str, tmp_path: Path, variable: EnvironmentVariable) -> None:
    tables(tmp_path / place)
    (tmp_path / "mounted").mkdir(exist_ok=True)  # a folder without tables is none
    assert resolve(variable) == str(tmp_path / place)


def test_two_places_with_tables_are_refused_with_both(tmp_path: Path, variable: EnvironmentVariable) -> None:
    places = [tables(tmp_path / "home" / "lake" / "delta"), tables(tmp_path / "mounted")]
    with pytest.raises(ConfigurationError) as refused:
        resolve(variable)
    assert all(str(place) in refused.value.message for place in places)
    assert NAME in refused.value.next_step


def test_one_place_under_two_names_is_one(tmp_path: Path) -> None:
    tables(tmp_path / "lake")
    (tmp_path / "mounted").symlink_to(tmp_path / "lake")
    assert find_delta_place(("lake", "mounted"), tmp_path, NAME) == str(tmp_path / "lake")


def test_no_place_is_the_variable_that_is_not_set(variable: EnvironmentVariable) -> None:
    with pytest.raises(ConfigurationError, match=f"{NAME} is not set"):
        resolve(variable)


def test_what_is_set_is_taken_whatever_lies_elsewhere(
    tmp_path: Path, variable: EnvironmentVariable, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables(tmp_path / "mounted")
    monkeypatch.setenv(NAME, "s3://lake/tables")
    assert resolve(variable) == "s3://lake/tables"
