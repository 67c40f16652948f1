"""Archives of loaded classes."""

from pathlib import Path

import pytest

from pipeline_checks.stack.archives import archive_flags, archive_path, collect, discard
from pipeline_checks.stack.home import Home
from pipeline_checks.stack.java import Java

_JAVA_17 = Java(Path("/usr/bin/java"), 17, "17.0.1+1")
_JAVA_25 = Java(Path("/usr/bin/java"), 25, "25+1")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("PIPELINE_CHECKS_CACHE", str(tmp_path / "cache"))
    return Home(tmp_path / "home")


@pytest.fixture
def jar(tmp_path):
    (tmp_path / "a.jar").write_bytes(b"a")
    return tmp_path / "a.jar"


def test_the_first_jvm_writes_an_archive_when_it_ends_and_the_next_uses_it(home, jar):
    writing, _ = archive_flags(_JAVA_17, home, "kafka", [jar])
    pending = Path(writing.removeprefix("-XX:ArchiveClassesAtExit="))
    assert pending.is_relative_to(home.path)
    pending.write_bytes(b"\x01archive")
    assert collect(home, _JAVA_17) == [pending.name]
    using, _ = archive_flags(_JAVA_17, home, "kafka", [jar])
    assert using == f"-XX:SharedArchiveFile={archive_path(_JAVA_17, 'kafka', [jar])}"
    assert not pending.exists()


def test_an_archive_whose_jvm_was_killed_is_thrown_away(home, jar):
    writing, _ = archive_flags(_JAVA_17, home, "kafka", [jar])
    pending = Path(writing.removeprefix("-XX:ArchiveClassesAtExit="))
    pending.write_bytes(b"\0\0\0\0 the header is written last")
    assert collect(home, _JAVA_17) == []
    assert pending.exists()  # it may be that it is still being written
    discard(home)
    assert not pending.exists()
    assert archive_flags(_JAVA_17, home, "kafka", [jar])[0] == writing


def test_only_the_first_jvm_of_a_home_writes_it_and_once_it_is_there_all_others_use_it(home, jar):
    writing, _ = archive_flags(_JAVA_17, home, "kafka", [jar])
    assert archive_flags(_JAVA_17, home, "kafka", [jar]) == []
    assert archive_flags(_JAVA_17, home, "connect", [jar]) != []
    Path(writing.removeprefix("-XX:ArchiveClassesAtExit=")).write_bytes(b"\x01archive")
    collect(home, _JAVA_17)
    assert archive_flags(_JAVA_17, home, "kafka", [jar])[0].startswith("-XX:SharedArchiveFile=")


def test_newer_javas_keep_the_archive_themselves(home, jar):
    assert archive_flags(_JAVA_25, home, "kafka", [jar])[0] == "-XX:+AutoCreateSharedArchive"


def test_no_flag_that_a_jvm_refuses_is_given_to_it(home, jar):
    assert not any("AutoCreate" in flag for flag in archive_flags(_JAVA_17, home, "kafka", [jar]))


def test_another_jar_or_java_means_another_archive(home, jar):
    before = archive_path(_JAVA_17, "kafka", [jar])
    assert archive_path(_JAVA_25, "kafka", [jar]) != before
    jar.write_bytes(b"changed")
    assert archive_path(_JAVA_17, "kafka", [jar]) != before


def test_only_the_newest_archives_stay(home, jar):
    for n in range(5):
        jar.write_bytes(b"x" * n)
        flag, _ = archive_flags(_JAVA_17, home, "kafka", [jar])
        Path(flag.removeprefix("-XX:ArchiveClassesAtExit=")).write_bytes(b"\x01")
        collect(home, _JAVA_17)
        discard(home)
    assert len(list(archive_path(_JAVA_17, "kafka", [jar]).parent.iterdir())) == 3
