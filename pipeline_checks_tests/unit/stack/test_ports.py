"""Choosing ports."""

import socket

import pytest

from pipeline_checks.model.errors import ConfigurationError, TransientError
from pipeline_checks.stack.ports import choose_ports, is_free, variable


@pytest.fixture
def taken():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_free_ports_are_chosen_and_differ():
    ports = choose_ports(["kafka", "kafka_controller", "postgres"], {})
    assert len(set(ports.values())) == 3
    assert all(is_free(port) for port in ports.values())


def test_a_port_is_kept_from_the_last_time():
    first = choose_ports(["kafka"], {})
    assert choose_ports(["kafka"], {variable("kafka"): str(first["kafka"])}) == first


def test_the_environment_fixes_a_port(monkeypatch):
    free = choose_ports(["kafka"], {})["kafka"]
    monkeypatch.setenv("PIPELINE_CHECKS_PORT_KAFKA", str(free))
    assert choose_ports(["kafka"], {variable("kafka"): "1"}) == {"kafka": free}


def test_a_fixed_port_that_is_taken_is_an_error_naming_the_variable(monkeypatch, taken):
    monkeypatch.setenv("PIPELINE_CHECKS_PORT_KAFKA", str(taken))
    with pytest.raises(ConfigurationError, match=f"port {taken} of PIPELINE_CHECKS_PORT_KAFKA is taken"):
        choose_ports(["kafka"], {})


def test_a_kept_port_that_is_taken_is_an_error_that_says_what_to_do(taken):
    with pytest.raises(TransientError, match="set PIPELINE_CHECKS_PORT_KAFKA to another port"):
        choose_ports(["kafka"], {variable("kafka"): str(taken)})


def test_a_port_taken_by_our_own_running_service_is_kept(taken):
    kept = {variable("kafka"): str(taken)}
    assert choose_ports(["kafka"], kept, ours=lambda name: True) == {"kafka": taken}


def test_another_port_cannot_be_fixed_while_the_service_runs(monkeypatch, taken):
    monkeypatch.setenv("PIPELINE_CHECKS_PORT_KAFKA", "30000")
    with pytest.raises(ConfigurationError, match=f"but the service runs on port {taken}"):
        choose_ports(["kafka"], {variable("kafka"): str(taken)}, ours=lambda name: True)


@pytest.mark.parametrize("text", ["kafka", "-1", "0", "70000"])
def test_what_is_not_a_port_is_refused(monkeypatch, text):
    monkeypatch.setenv("PIPELINE_CHECKS_PORT_KAFKA", text)
    with pytest.raises(ConfigurationError, match="not a port"):
        choose_ports(["kafka"], {})


def test_two_services_cannot_share_a_fixed_port(monkeypatch):
    free = str(choose_ports(["kafka"], {})["kafka"])
    monkeypatch.setenv("PIPELINE_CHECKS_PORT_KAFKA", free)
    monkeypatch.setenv("PIPELINE_CHECKS_PORT_CONNECT", free)
    with pytest.raises(ConfigurationError, match="are both"):
        choose_ports(["kafka", "connect"], {})
