"""Ports: fixed by the environment, kept from the last time, otherwise free ones."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Callable, Iterable, Mapping

from pipeline_checks.model.errors import ConfigurationError, TransientError

ADDRESS = "127.0.0.1"
_FREE = range(20_000, 32_000)
"""Below the range from which systems take the ports of outgoing connections, so that none of those takes ours."""


def variable(name: str) -> str:
    """Return the environment variable that fixes the port of that name."""
    return f"PIPELINE_CHECKS_PORT_{name.upper()}"


def is_free(port: int) -> bool:
    """Whether a server could listen on the port of the loopback address now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections in TIME_WAIT do not take a port
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            return False
    return True


def choose_ports(
    names: Iterable[str],
    kept: Mapping[str, str],
    *,
    ours: Callable[[str], bool] = lambda _: False,
) -> dict[str, int]:
    """Return a port for each name.

    Parameters
    ----------
    kept:
        The settings of the last time (``stack.env``).
    ours:
        Whether the service behind a name is running already, so that its port is rightly taken.

    Raises ConfigurationError when a fixed port is not a number, is given twice or is taken by another program, and
    TransientError when a kept one is.
    """
    chosen: dict[str, int] = {}
    for name in names:
        fixed, before = os.environ.get(variable(name)), kept.get(variable(name))
        if ours(name) and before:
            if fixed and fixed != before:
                raise ConfigurationError(
                    f"{variable(name)} is {fixed}, but the service runs on port {before}",
                    next_step="Run `pipeline-checks down` first, or remove the variable.",
                )
            chosen[name] = int(before)
        elif fixed:
            chosen[name] = _fixed(name, fixed, chosen)
        elif before:
            chosen[name] = _kept(name, int(before))
        else:
            chosen[name] = _free(set(chosen.values()) | {int(v) for k, v in kept.items() if _is_port(k, v)})
    return chosen


def _is_port(name: str, value: str) -> bool:
    return name.startswith(variable("")) and value.isdigit()


def _fixed(name: str, text: str, chosen: Mapping[str, int]) -> int:
    if not text.isdigit() or not 0 < int(text) < 65_536:
        raise ConfigurationError(
            f"{variable(name)} is {text!r}, not a port", next_step="Give a number from 1 to 65535, or none."
        )
    port = int(text)
    other = next((n for n, p in chosen.items() if p == port), None)
    if other is not None:
        raise ConfigurationError(
            f"{variable(name)} and the port of {other} are both {port}", next_step="Give each a port of its own."
        )
    if not is_free(port):
        raise ConfigurationError(
            f"port {port} of {variable(name)} is taken by another program",
            next_step=f"Stop that program, or set {variable(name)} to another port.",
            port=port,
        )
    return port


def _kept(name: str, port: int) -> int:
    if not is_free(port):
        raise TransientError(
            f"port {port}, which this stack used for {name}, is taken by another program",
            next_step=f"Stop that program, or set {variable(name)} to another port.",
            port=port,
        )
    return port


def _free(taken: set[int]) -> int:
    for port in random.sample(_FREE, len(_FREE)):
        if port not in taken and is_free(port):
            return port
    raise TransientError(
        f"no port from {_FREE.start} to {_FREE.stop} is free", next_step="Fix ports by PIPELINE_CHECKS_PORT_<NAME>."
    )
