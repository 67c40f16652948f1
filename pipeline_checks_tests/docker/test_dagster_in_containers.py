"""Dagster as containers: a run in a container of its own, its check results read back, and what a killed run leaves."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline_checks.model.clock import Deadline, monotonic
from pipeline_checks.stack.compose import compose_file
from pipeline_checks.stack.docker import RUN_LABEL, Project, run
from pipeline_checks.stack.environment import write_variables
from pipeline_checks.stack.ports import choose_ports, variable

NAME = "pipeline_checks_dagster_tests"
UP_SECONDS = 90
IMAGE_BYTES = 1_200_000_000
LAUNCH = """mutation($job: String!) { launchRun(executionParams: {selector: {jobName: $job,
  repositoryName: "__repository__", repositoryLocationName: "pipeline_checks"}, runConfigData: "{}"}) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
RUN = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
CHECKS = """query($id: ID!) { logsForRun(runId: $id, limit: 1000) { ... on EventConnection { events {
  ... on AssetCheckEvaluationEvent { evaluation { checkName success severity assetKey { path } } } } } } }"""


class Dagster:
    """The interface of the containers."""

    def __init__(self, project: Project, url: str, up_seconds: float) -> None:
        self.project = project
        self.up_seconds = up_seconds
        self._client = httpx.Client(base_url=url, timeout=60, trust_env=False)

    def ask(self, query: str, **variables: Any) -> Any:
        answer = self._client.post("/graphql", json={"query": query, "variables": variables})
        document = answer.json()
        assert not document.get("errors"), document["errors"]
        return next(iter(document["data"].values()))

    def launch(self, job: str) -> str:
        found = self.ask(LAUNCH, job=job)
        assert found["__typename"] == "LaunchRunSuccess", found
        return str(found["run"]["runId"])

    def wait(self, run_id: str, *wanted: str, seconds: float = 240) -> str:
        last = [""]

        def is_so() -> bool:
            last[0] = self.ask(RUN, id=run_id)["status"]
            return last[0] in wanted

        Deadline(seconds).wait_until(is_so, every=0.5)
        return last[0]

    def checks(self, run_id: str) -> dict[tuple[str, str], bool]:
        events = self.ask(CHECKS, id=run_id)["events"]
        found = [e["evaluation"] for e in events if e.get("evaluation")]
        return {("/".join(e["assetKey"]["path"]), e["checkName"]): e["success"] for e in found}

    def containers(self) -> list[str]:
        return run(("ps", "--quiet", "--no-trunc", "--filter", f"label={RUN_LABEL}={NAME}")).split()


@pytest.fixture(scope="module")
def dagster(docker_daemon: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dagster]:
    """Return Dagster beside the pipeline ``churn``, in a project of its own."""
    names = ("postgres", "kafka", "kafka_relay", "kafka_relayed", "churn_consumer", "webserver")
    ports = choose_ports(names, {})
    socket = Path(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://"))
    env_file = tmp_path_factory.mktemp("dagster") / "compose.env"
    write_variables(
        env_file,
        {
            **{variable(name): str(port) for name, port in ports.items()},
            "POSTGRES_PASSWORD": secrets.token_urlsafe(16),
            "S3_SECRET_KEY": secrets.token_urlsafe(16),
            "DOCKER_SOCKET": str(socket),
            "DOCKER_GROUP": str(socket.stat().st_gid),
        },
    )
    project = Project(NAME, compose_file(), env_file)
    services = ("postgres", "kafka", "churn-prepare", "churn-consumer", "code", "webserver", "daemon")
    try:
        project.compose("build", "code", "kafka", seconds=3600)
        begun = monotonic()
        project.compose("up", "--detach", "--wait", "--wait-timeout", "300", *services, seconds=400)
        yield Dagster(project, f"http://127.0.0.1:{ports['webserver']}", monotonic() - begun)
    finally:
        project.remove_runs()
        project.compose("down", "--volumes", "--remove-orphans", seconds=300, check=False)


def test_built_images_are_up_in_time_and_the_code_location_is_small(dagster: Dagster) -> None:
    image = dagster.project.container("code")
    assert image is not None
    size = json.loads(run(("image", "inspect", str(image.document["Image"]))))[0]["Size"]
    assert size <= IMAGE_BYTES
    assert dagster.up_seconds <= UP_SECONDS


def test_a_run_in_a_container_of_its_own_gives_check_results(dagster: Dagster) -> None:
    seeded = dagster.launch("churn_seed")
    assert dagster.wait(seeded, "SUCCESS", "FAILURE") == "SUCCESS"
    checked = dagster.launch("churn_check")
    assert Deadline(120).wait_until(dagster.containers, every=0.2), "no container of a run was seen"
    found = json.loads(run(("inspect", dagster.containers()[0])))[0]
    assert found["HostConfig"]["Memory"] == 1500 << 20
    assert found["HostConfig"]["ReadonlyRootfs"] is True
    assert found["Config"]["User"] == "10001:10001"
    dagster.wait(checked, "SUCCESS", "FAILURE")
    verdicts = dagster.checks(checked)
    assert verdicts[("churn/customer_source", "counts")] is True
    assert verdicts[("churn/topic_raw", "counts")] is True
    assert len(verdicts) >= 30
    assert Deadline(30).wait_until(lambda: not dagster.containers(), every=0.2), "the run's container stays"


def test_a_run_whose_container_is_killed_is_a_failure(dagster: Dagster) -> None:
    run_id = dagster.launch("churn_check")
    assert Deadline(120).wait_until(dagster.containers, every=0.2), "no container of the run was seen"
    assert dagster.wait(run_id, "STARTED", "SUCCESS", "FAILURE") == "STARTED"
    subprocess.run(["docker", "kill", *dagster.containers()], check=True, capture_output=True)
    assert dagster.wait(run_id, "SUCCESS", "FAILURE", seconds=120) == "FAILURE"
