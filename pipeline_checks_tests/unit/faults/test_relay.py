"""A relay hands everything on, and does what the weather says to what it hands on."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from time import monotonic

import pytest

from pipeline_checks.faults.relay import Relay
from pipeline_checks.model.clock import Deadline


@pytest.fixture
def echo() -> Iterator[tuple[str, int]]:
    """Serve one connection after the other, giving back what it is given."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    while data := client.recv(100):
                        client.sendall(data)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[:2]


def asked(address: tuple[str, int], what: bytes = b"hello") -> bytes:
    with socket.create_connection(address, timeout=5) as client:
        client.sendall(what)
        return client.recv(100)


def test_what_is_sent_comes_back(echo: tuple[str, int]) -> None:
    with Relay(echo) as relay:
        assert asked(relay.address) == b"hello"
        assert (relay.passed.connections, relay.passed.pieces) == (1, 2)


def test_a_slow_network_takes_longer_each_way(echo: tuple[str, int]) -> None:
    with Relay(echo) as relay:
        relay.weather.delay = 0.1
        begun = monotonic()
        assert asked(relay.address) == b"hello"
        assert monotonic() - begun >= 0.2


def test_a_silent_network_holds_back_and_goes_on(echo: tuple[str, int]) -> None:
    with Relay(echo) as relay, socket.create_connection(relay.address, timeout=5) as client:
        relay.weather.silent = True
        client.sendall(b"hello")
        assert Deadline(5).wait_until(lambda: relay.passed.held == 1)
        client.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.recv(100)
        relay.weather.silent = False
        client.settimeout(5)
        assert client.recv(100) == b"hello"


def test_a_lossy_network_ends_connections(echo: tuple[str, int]) -> None:
    with Relay(echo) as relay:
        relay.weather.cut = 1.0
        with pytest.raises(ConnectionResetError):
            if asked(relay.address) == b"":
                raise ConnectionResetError
        assert relay.passed.cuts == 1


def test_where_nobody_listens_the_connection_ends() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        nowhere = server.getsockname()[:2]
    with Relay(nowhere) as relay, socket.create_connection(relay.address, timeout=5) as client:
        assert client.recv(1) == b""
