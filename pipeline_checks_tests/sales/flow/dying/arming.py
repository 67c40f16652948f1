"""A program of the flow that kills itself at a named point: ``python -m ...dying.PROGRAM`` with ``SALES_KILL_AT``.

``sends:N`` behind N messages, ``checkpoints:N`` before the N-th is saved, ``TABLE:before:N`` and ``TABLE:behind:N``
around the N-th commit of a Delta table, ``statements:N`` before the N-th statement of a connection to Postgres.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any, Final

VARIABLE: Final = "SALES_KILL_AT"


def die() -> None:
    """End the process at once; what it has started is left to be found by others."""
    os.kill(os.getpid(), signal.SIGKILL)


def counted(target: Any, names: tuple[str, ...], at: int, *, behind: bool, of: Callable[..., bool]) -> None:
    """Die before or behind the call number ``at`` of any of the methods for which ``of`` its arguments is true."""
    calls = 0

    def wrapped(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal calls
            calls += of(*arguments)
            if calls == at and of(*arguments) and not behind:
                die()
            result = original(*arguments, **named)
            if calls == at and of(*arguments) and behind:
                die()
            return result

        return call

    for name in names:
        setattr(target, name, wrapped(getattr(target, name)))


def arm() -> None:
    """Prepare the kill that the environment names."""
    point, _, rest = os.environ[VARIABLE].partition(":")
    if point == "sends":
        from pipeline_checks.pipelines.sales.flow.sending.sender import Sender

        counted(Sender, ("send",), int(rest), behind=True, of=lambda *_: True)
    elif point == "checkpoints":
        from pipeline_checks.pipelines.sales.flow.sending.checkpoint import Checkpoint

        counted(Checkpoint, ("save",), int(rest), behind=False, of=lambda *_: True)
    elif point == "statements":
        import psycopg

        counted(psycopg.Connection, ("execute", "commit"), int(rest), behind=False, of=lambda *_: True)
    else:
        from pipeline_checks.pipelines.sales.flow.lake.table import LakeTable

        where, _, number = rest.partition(":")
        counted(
            LakeTable,
            ("append", "merge"),
            int(number),
            behind=where == "behind",
            of=lambda table, *_: table.uri.endswith(point),
        )
