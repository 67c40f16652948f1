"""A relay for TCP connections whose network can be made bad: slow, silent, or cutting connections off."""

from __future__ import annotations

import random
import selectors
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

_CHUNK = 1 << 16
_TURN_SECONDS = 0.05


@dataclass
class Weather:
    """How the network is; may be changed while connections are open.

    Parameters
    ----------
    delay:
        Seconds that each piece of data takes longer.
    silent:
        Nothing goes through and nothing is refused.
    cut:
        The share of pieces with which their connection is reset, from 0 to 1.
    """

    delay: float = 0.0
    silent: bool = False
    cut: float = 0.0


@dataclass
class Passed:
    """What has gone through: connections, pieces of data, those held back and those cut off with their connection."""

    connections: int = 0
    pieces: int = 0
    held: int = 0
    cuts: int = 0


class Relay:
    """Listens on a port of this machine and hands everything on to another one.

    Parameters
    ----------
    listen, to:
        Address and port each; port 0 takes a free one, which is then in ``address``.
    seed:
        Which pieces are cut off follows from it.
    """

    def __init__(self, to: tuple[str, int], listen: tuple[str, int] = ("127.0.0.1", 0), seed: int = 1) -> None:
        self.weather = Weather()
        self.passed = Passed()
        self._to = to
        self._random = random.Random(seed)
        self._ended = threading.Event()
        self._open: set[socket.socket] = set()
        self._server = socket.create_server(listen, reuse_port=False)
        self._server.settimeout(_TURN_SECONDS)
        self.address: tuple[str, int] = self._server.getsockname()[:2]
        self._thread = threading.Thread(target=self._accept, name="relay", daemon=True)
        self._thread.start()

    def __enter__(self) -> Relay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all connections and listen no more."""
        self._ended.set()
        self._thread.join()
        self._server.close()
        for one in list(self._open):
            _reset(one)

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                client, _ = self._server.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), name="relayed", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._to, timeout=5)
        except OSError:
            _reset(client)
            return
        self.passed.connections += 1
        self._open |= {client, server}
        try:
            self._pass_on(client, server)
        finally:
            self._open -= {client, server}
            _reset(client)
            _reset(server)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ, server)
            selector.register(server, selectors.EVENT_READ, client)
            while not self._ended.is_set():
                for key, _ in selector.select(_TURN_SECONDS):
                    source, target = key.fileobj, key.data
                    assert isinstance(source, socket.socket)
                    data = source.recv(_CHUNK)
                    if not data or not self._goes_through():
                        return
                    target.sendall(data)

    def _goes_through(self) -> bool:
        """Wait as long as the network makes a piece of data wait; whether it is not cut off."""
        self.passed.pieces += 1
        if self.weather.silent:
            self.passed.held += 1
        while self.weather.silent and not self._ended.is_set():
            self._ended.wait(_TURN_SECONDS)
        if self.weather.delay:
            self._ended.wait(self.weather.delay)
        if self.weather.cut and self._random.random() < self.weather.cut:
            self.passed.cuts += 1
            return False
        return True


def _reset(one: socket.socket) -> None:
    with suppress(OSError):
        one.close()
