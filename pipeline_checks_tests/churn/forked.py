"""The programs as processes that are forked from one which has their libraries loaded: starting takes no seconds.

They run the same ``main`` with the same arguments as the commands do, and are killed and told to stop by signals.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Final

_FLOW: Final = "pipeline_checks.pipelines.churn.flow"
_LOADED: Final = (
    *(f"{_FLOW}.consumer", f"{_FLOW}.producer", "confluent_kafka", "confluent_kafka.admin"),
    *("joblib", "sklearn.compose", "sklearn.ensemble", "sklearn.impute", "sklearn.pipeline", "sklearn.preprocessing"),
    "pipeline_checks_tests.churn.forked",
)
_context = get_context("forkserver")
_context.set_forkserver_preload(list(_LOADED))


def _run(name: str, arguments: Sequence[str], folder: Path, errors: Path) -> None:
    os.chdir(folder)
    with errors.open("ab", buffering=0) as file:
        os.dup2(file.fileno(), 2)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    program = import_module(f"{_FLOW}.{name}")
    sys.argv = [name, *arguments]
    program.run_and_exit()


class ForkedProcess:
    """A process with what the tests use of ``subprocess.Popen``."""

    def __init__(self, name: str, arguments: Sequence[str], folder: Path, errors: Path) -> None:
        errors.touch()
        self._process = _context.Process(target=_run, args=(name, list(arguments), folder, errors), daemon=True)
        self._process.start()
        self.args = (name, *arguments)

    @property
    def pid(self) -> int:
        """Its id."""
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """Return its exit code, None while it runs."""
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)

    def wait(self, seconds: float | None = None) -> int:
        """Return its exit code; raises TimeoutExpired when it still runs behind the time."""
        self._process.join(seconds)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(self.args, seconds or 0.0)
        return code
