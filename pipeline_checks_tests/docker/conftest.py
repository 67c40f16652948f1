"""Fixtures of the tests with containers: a Docker daemon, where there is none one of their own, and a home.

Without a daemon these tests are errors that say why, never skipped: `make test-docker` was asked for.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline_checks.clients.settings import HOME_VARIABLE
from pipeline_checks.model.clock import Deadline
from pipeline_checks.stack.compose import ComposeProvider
from pipeline_checks_tests.conftest import OURS

_PREFIX = "pipeline_checks_docker-"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in Path(item.path).parents:
            item.add_marker(pytest.mark.docker)
            item.add_marker(pytest.mark.timeout(1800))


def _answers() -> bool:
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="session")
def docker_daemon() -> Iterator[None]:
    """Have a daemon that answers: the machine's, or one that is started here when we are root."""
    if shutil.which("docker") is None:
        pytest.fail("`docker` is not installed: install Docker with its compose plugin.")
    if _answers():
        yield
        return
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        pytest.fail("no Docker daemon answers, and none can be started here: that takes root and `dockerd`.")
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir="/tmp"))
    socket = f"unix://{folder}/docker.sock"
    with (folder / "dockerd.log").open("wb") as log:
        daemon = subprocess.Popen(
            [
                "dockerd",
                *("--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")),
                *("--pidfile", str(folder / "docker.pid"), "--host", socket),
            ],
            stdout=log,
            stderr=log,
        )
    os.environ["DOCKER_HOST"] = socket
    try:
        if not Deadline(60).wait_until(lambda: daemon.poll() is not None or _answers()) or daemon.poll() is not None:
            tail = "\n".join((folder / "dockerd.log").read_text().splitlines()[-5:])
            pytest.fail(f"a Docker daemon of our own did not start:\n{tail}")
        yield
    finally:
        daemon.terminate()
        daemon.wait(60)
        del os.environ["DOCKER_HOST"]
        subprocess.run(["umount", str(folder / "exec" / "netns" / "default")], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def compose_home(docker_daemon: None) -> Iterator[Path]:
    """Return the home of a stack of containers, which commands and checks of these tests find."""
    home = Path(tempfile.mkdtemp(prefix=_PREFIX, dir="/var/tmp"))
    before = {name: os.environ.pop(name) for name in OURS if name in os.environ}
    hidden = os.environ.get(HOME_VARIABLE)
    os.environ[HOME_VARIABLE] = str(home)
    try:
        yield home
    finally:
        try:
            ComposeProvider(home).down(purge=True)
        finally:
            os.environ.pop(HOME_VARIABLE)
            os.environ.update(before | ({HOME_VARIABLE: hidden} if hidden else {}))
            shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def market(compose_home: Path) -> ComposeProvider:
    """Return a stack with everything that the pipeline ``market_data`` runs on."""
    from pipeline_checks.pipelines.market_data.services import services

    provider = ComposeProvider(compose_home)
    provider.up(services())
    return provider
