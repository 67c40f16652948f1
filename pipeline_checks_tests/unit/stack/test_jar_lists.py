"""The lists of jars."""

import hashlib

import pytest

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.stack.jars.lists import NAMES, Jar, cache, jar_list, parse
from pipeline_checks.stack.jars.locking import wanted

_SUM = hashlib.sha256(b"x").hexdigest()


@pytest.mark.parametrize(("name", "count"), [("kafka", 103), ("object_store", 20), ("spark", 12)])
def test_the_lists_of_the_package_are_whole(name, count):
    found = jar_list(name)
    assert len(found.jars) == count
    assert all(jar.size > 0 for jar in found.jars)
    assert len({jar.filename for jar in found.jars}) == count


def test_the_object_store_loads_the_newer_annotations_first():
    first = jar_list("object_store").jars[0]
    assert (first.artifact, first.version) == ("jackson-annotations", "2.21")


@pytest.mark.parametrize("name", NAMES)
def test_every_dependency_of_a_pom_is_in_its_list(name):
    from importlib import resources

    pom = resources.files("pipeline_checks.stack.jars").joinpath(f"{name}.pom.xml").read_text()
    listed = {(jar.group, jar.artifact, jar.version) for jar in jar_list(name).jars}
    assert {(w.group, w.artifact, w.version) for w in wanted(pom)} <= listed


def test_only_spark_and_the_object_store_take_their_dependencies_alone():
    from importlib import resources

    folder = resources.files("pipeline_checks.stack.jars")
    transitive = {n: {w.transitive for w in wanted(folder.joinpath(f"{n}.pom.xml").read_text())} for n in NAMES}
    assert transitive == {"kafka": {True}, "object_store": {False}, "spark": {False}, "spark_s3": {False}}


def test_a_lock_file_is_read_with_comments_and_empty_lines():
    found = parse("kafka", f"# made by hand\n\norg.example:thing:1.0 7 {_SUM}\n")
    assert found.jars == (Jar("org.example", "thing", "1.0", 7, _SUM),)
    assert found.jars[0].filename == "thing-1.0.jar"
    assert parse("kafka", found.jars[0].line) == found


@pytest.mark.parametrize(
    "line",
    [
        "org.example:thing 7 " + _SUM,
        "org.example:thing:1.0 seven " + _SUM,
        "org.example:thing:1.0 7 abc",
        "org.example:thing:1.0 7",
    ],
)
def test_a_malformed_line_is_named(line):
    with pytest.raises(ConfigurationError, match=r"kafka.lock, line 2: .*jars lock kafka"):
        parse("kafka", f"# first\n{line}\n")


def test_a_file_name_may_stand_in_a_list_only_once():
    with pytest.raises(ConfigurationError, match=r"thing-1.0.jar more than once"):
        parse("kafka", f"a:thing:1.0 7 {_SUM}\nb:thing:1.0 7 {_SUM}\n")


def test_an_empty_list_is_refused():
    with pytest.raises(ConfigurationError, match="no jars"):
        parse("kafka", "# nothing\n")


def test_an_unknown_list_is_refused_with_the_names_there_are():
    with pytest.raises(ConfigurationError, match="kafka, object_store, spark"):
        jar_list("flink")


def test_another_content_lies_in_another_folder():
    one = parse("kafka", f"a:thing:1.0 7 {_SUM}")
    other = parse("kafka", f"a:thing:1.1 7 {_SUM}")
    assert one.folder != other.folder


def test_the_cache_lies_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("PIPELINE_CHECKS_CACHE", str(tmp_path))
    assert cache() == tmp_path
    monkeypatch.delenv("PIPELINE_CHECKS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache() == tmp_path / "pipeline_checks"
