"""The runner of the integration tests tells failures by its exit code, always reports, and cleans up."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pipeline_checks.model.errors import TransientError
from pipeline_checks.stack.embedded import EmbeddedProvider
from pipeline_checks.stack.environment import read_env
from pipeline_checks.stack.probes import probe_kafka

ROOT = Path(__file__).parent.parent.parent
RUNNER = ROOT / "scripts" / "run_kafka_integration_tests.sh"

FAILING = """
import pytest
pytestmark = [pytest.mark.integration, pytest.mark.kafka]

def test_that_holds():
    assert True

def test_that_was_planted():
    assert 1 == 2, "the planted failure"
"""
HANGING = """
import threading, pytest

@pytest.mark.integration
@pytest.mark.kafka
def test_that_hangs():
    threading.Event().wait()
"""


@dataclass(frozen=True)
class Run:
    """A run of the runner and what it left in its folder of reports."""

    code: int
    output: str
    reports: Path

    @property
    def summary(self) -> str:
        """The summary for people."""
        return (self.reports / "kafka_integration_summary.txt").read_text()

    @property
    def log(self) -> str:
        """What the tests wrote."""
        return (self.reports / "kafka_integration.log").read_text()

    @property
    def not_passed(self) -> list[str]:
        """The test cases of the JUnit file that failed or broke."""
        cases = ElementTree.parse(self.reports / "test-results.xml").iter("testcase")
        return [str(c.get("name")) for c in cases if c.find("failure") is not None or c.find("error") is not None]


def run(folder: Path, *options: str, tests: str = FAILING, path: str | None = None) -> Run:
    """Run the runner on planted tests."""
    folder.mkdir()
    planted = folder / "test_planted.py"
    planted.write_text(tests)
    environment = {**os.environ, **({} if path is None else {"PATH": path})}
    reports = folder / "reports"
    done = subprocess.run(
        [str(RUNNER), "--reports", str(reports), "--tests", str(planted), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
        env=environment,
    )
    return Run(done.returncode, done.stdout, reports)


@pytest.fixture(scope="module")
def kept_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for a broker that runs keep up."""
    home = tmp_path_factory.mktemp("broker") / "home"
    yield home
    EmbeddedProvider(home).down(purge=True)


def test_failures_are_told_with_and_without_verbose_and_only_a_kept_broker_remains(
    tmp_path: Path, kept_home: Path
) -> None:
    kept = run(tmp_path / "quiet", "--keep-containers", "--home", str(kept_home))
    assert kept.code == 1, kept.output
    servers = read_env(EmbeddedProvider(kept_home).home)["KAFKA_BOOTSTRAP_SERVERS"]
    probe_kafka(servers)
    hanging = run(tmp_path / "hanging", "--keep-stack", "--timeout", "1", "--home", str(kept_home), tests=HANGING)
    assert hanging.code == 1 and hanging.not_passed == ["environment"], hanging.output
    assert "Timeout" in hanging.log
    none = run(tmp_path / "none", "--keep-stack", "--home", str(kept_home), tests="")
    assert none.code == 3 and "could not be run" in none.summary
    verbose = run(tmp_path / "verbose", "--verbose", "--home", str(kept_home))
    assert verbose.code == 1, verbose.output
    assert "the planted failure" in verbose.output and "the planted failure" not in kept.output
    for one in (kept, verbose):
        assert one.not_passed == ["test_that_was_planted"]
        assert "the planted failure" in one.log and "1 failed, 1 passed" in one.log
        assert "result: FAILED" in one.summary and "exit code: 1" in one.summary
        assert "failed: test_that_was_planted" in one.summary
        result = json.loads((one.reports / "kafka_integration_summary.json").read_text())
        assert result["status"] == "FAILED" and result["messages_sent"] is None
        assert (one.reports / "kafka_broker.log").stat().st_size > 0
    assert not kept_home.exists()
    with pytest.raises(TransientError):
        probe_kafka(servers)


def test_usage_and_help(tmp_path: Path) -> None:
    assert run(tmp_path / "wrong", "--no-such-option").code == 2
    told = run(tmp_path / "help", "--help")
    assert told.code == 0
    assert all(word in told.output for word in ("--keep-stack", "--verbose", "--timeout", "--junit", "--mode"))


def test_an_environment_that_lacks_something_is_another_exit_code_with_all_reports(tmp_path: Path) -> None:
    junit, words = tmp_path / "elsewhere" / "results.xml", tmp_path / "words"
    words.mkdir()
    for word in ("bash", "dirname"):
        (words / word).symlink_to(shutil.which(word) or word)
    lacking = run(tmp_path / "lacking", "--mode", "compose", "--junit", str(junit), path=str(words))
    assert lacking.code == 3, lacking.output
    assert "Docker" in lacking.summary and "result: FAILED" in lacking.summary
    assert ElementTree.parse(junit).find(".//error") is not None
    assert "[ERROR]" in lacking.output and "STEP 7" in lacking.output
