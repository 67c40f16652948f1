"""What a container's state means for its service."""

from __future__ import annotations

import pytest

from pipeline_checks.model.errors import ConfigurationError, TransientError
from pipeline_checks.stack.compose import _judge, compose_file, compose_name, service_name
from pipeline_checks.stack.docker import Container
from pipeline_checks.stack.service import Service


def fails(_: object) -> None:
    raise TransientError("nobody answers")


ANSWERS, SILENT = Service("api"), Service("api", probe=fails)


def found(status: str, health: str = "", code: int = 0) -> Container:
    state = {"Status": status, "ExitCode": code, "Pid": 7, **({"Health": {"Status": health}} if health else {})}
    return Container({"Id": "c0ffee", "Config": {"Labels": {}}, "State": state})


@pytest.mark.parametrize(
    ("service", "container", "state"),
    [
        (ANSWERS, found("running", "healthy"), "ready"),
        (SILENT, found("running", "healthy"), "unready"),
        (ANSWERS, found("running", "starting"), "starting"),
        (ANSWERS, found("running", "unhealthy"), "unready"),
        (ANSWERS, found("paused", "healthy"), "unready"),
        (ANSWERS, found("restarting", code=1), "failed"),
        (ANSWERS, found("exited", code=137), "failed"),
        (ANSWERS, found("exited"), "stopped"),
        (Service("step", once=True), found("exited"), "done"),
        (ANSWERS, found("created"), "stopped"),
        (None, found("running"), "ready"),
    ],
)
def test_a_state_of_a_container_is_one_of_its_service(service, container, state):
    assert _judge(service, container, {})[0] == state


def test_names_go_there_and_back():
    assert (compose_name("cdc_api"), service_name("cdc-api")) == ("cdc-api", "cdc_api")


def test_a_compose_file_that_is_not_there_is_said_to_be_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("PIPELINE_CHECKS_COMPOSE_FILE", str(tmp_path / "none.yaml"))
    with pytest.raises(ConfigurationError, match="there is no compose file"):
        compose_file()
