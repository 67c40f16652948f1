"""What Docker tells, as the provider reads it."""

from __future__ import annotations

import json

import pytest

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.stack import docker
from pipeline_checks.stack.docker import Container, Events, Project


def container(**state: object) -> Container:
    whole = {"Status": "running", "ExitCode": 0, "Pid": 7, "StartedAt": "2026-11-22T01:02:03.123456789Z", **state}
    return Container({"Id": "c0ffee", "Config": {"Labels": {docker.SERVICE_LABEL: "cdc-api"}}, "State": whole})


def test_a_container_that_runs_has_a_process_and_a_start():
    found = container()
    assert (found.service, found.runs, found.pid, found.health) == ("cdc-api", True, 7, "")
    assert found.started is not None and found.started.isoformat() == "2026-11-22T01:02:03.123456+00:00"


def test_a_container_that_was_never_started_has_neither():
    found = container(Status="created", Pid=0, StartedAt="0001-01-01T00:00:00Z")
    assert (found.runs, found.pid, found.started) == (False, None, None)


def event(service: str, action: str, nanoseconds: int, **more: str) -> str:
    attributes = {docker.SERVICE_LABEL: service, **more}
    return json.dumps({"Action": action, "timeNano": nanoseconds, "Actor": {"Attributes": attributes}})


def test_a_start_counts_when_it_became_healthy_or_ran_to_its_end():
    events = Events("project")
    second = 10**9
    events._lines = [
        event("kafka", "start", 1 * second),
        event("kafka", "health_status: unhealthy", 2 * second),
        event("kafka", "health_status: healthy", 3 * second),
        event("kafka", "health_status: healthy", 9 * second),
        event("prepare", "start", 4 * second),
        event("prepare", "die", 5 * second, exitCode="0"),
        event("api", "start", 5 * second),
        event("api", "die", 6 * second, exitCode="1"),
    ]
    times = {name: (a.timestamp(), b.timestamp()) for name, (a, b) in events.times().items()}
    assert times == {"kafka": (1.0, 3.0), "prepare": (4.0, 5.0)}


def test_without_docker_it_is_said_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"`docker` is not there.*Install Docker"):
        Project("p", tmp_path / "compose.yaml", tmp_path / "compose.env").containers()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?", "does not answer"),
        ("docker: 'compose' is not a docker command.", "no compose plugin"),
        ("first\nservice cdc-api exited (1)", "service cdc-api exited"),
    ],
)
def test_a_refusal_says_what_is_wrong(text, told):
    assert told in str(docker._refusal(text, ("compose", "up")))
