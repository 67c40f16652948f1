"""Programs of the flow run beside the stack, with other settings than its own, while the stack's own ones are down."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from pipeline_checks.clients.settings import home, read_stack_env
from pipeline_checks.model.errors import TransientError

_FLOW = "pipeline_checks.pipelines.sales.flow"


@dataclass
class Program:
    """A program of the flow in a process of its own; what it says stands in ``log``."""

    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(cls, name: str, *arguments: str, **settings: str) -> Program:
        """Start it with the stack's settings and these instead."""
        log = home() / "logs" / f"sales_{name}_beside.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, **read_stack_env(), **settings}
        with log.open("wb") as output:
            command = [sys.executable, "-m", f"{_FLOW}.{name}", *arguments]
            process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, env=environment, start_new_session=True
            )
        return cls(process, log)

    def wait(self, seconds: float) -> int:
        """Return how it ended; raises TransientError when it has not by then."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise TransientError(
                f"the program goes on after {seconds:.0f} s.", next_step=f"Look at {self.log}."
            ) from None

    def said(self) -> str:
        """Return the end of what it said."""
        return self.log.read_text(errors="replace")[-4000:]

    def end(self) -> None:
        """End it and all that it has started."""
        import psutil

        try:
            root = psutil.Process(self.process.pid)
            every = [*root.children(recursive=True), root]
        except psutil.NoSuchProcess:
            return
        for process in every:
            try:
                process.terminate()
            except psutil.NoSuchProcess:
                continue
        _, alive = psutil.wait_procs(every, timeout=15)
        for process in alive:
            process.kill()
        self.process.wait()
