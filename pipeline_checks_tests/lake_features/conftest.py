"""The tables of all features, made once for the session by a Spark session in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from pipeline_checks.clients.settings import HOME_VARIABLE
from pipeline_checks.stack import archives
from pipeline_checks.stack.jars.fetching import fetch
from pipeline_checks.stack.jars.lists import jar_list
from pipeline_checks.stack.java import find_java
from pipeline_checks_tests.lake_features.made_tables import MadeTables

_SECONDS = 1100


def _made(folder: Path, home: Path, words: Sequence[str]) -> MadeTables:
    jars, java = jar_list("spark"), find_java()
    fetch([jars])
    # The archive of classes that the mover's JVM left, where there is one: making another takes longer than it saves.
    archive = archives.archive_path(java, archives.SPARK, archives.spark_classpath(jars.paths))
    flags = [f"-XX:SharedArchiveFile={archive}", "-Xlog:cds*=off"] if archive.exists() else []
    environment = {
        **os.environ,
        HOME_VARIABLE: str(home),
        "PIPELINE_CHECKS_JAVA": str(java.binary),
        "PIPELINE_CHECKS_SPARK_JARS": str(jars.folder),
        "PIPELINE_CHECKS_SPARK_JVM_FLAGS": " ".join(("-Xshare:auto", *flags)),
    }
    command = [sys.executable, "-m", "pipeline_checks_tests.lake_features.making", str(folder), *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_SECONDS)
    assert done.returncode == 0, done.stderr[-4000:]
    return MadeTables(folder)


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MadeTables]:
    """Return the tables of the common features."""
    yield _made(tmp_path_factory.mktemp("lake") / "tables", tmp_path_factory.mktemp("lake_home"), [])


@pytest.fixture(scope="session")
def rare_tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MadeTables]:
    """Return the tables of the rarer features."""
    yield _made(tmp_path_factory.mktemp("lake") / "tables", tmp_path_factory.mktemp("lake_home"), ["rare"])
