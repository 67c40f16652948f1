"""The ETL as a running program on a place of its own."""

from __future__ import annotations

import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import httpx

from pipeline_checks.model.clock import Deadline
from pipeline_checks_tests.sales.flow.place import Place

_START_SECONDS = 240
_SECONDS = 120


class LiveEtl:
    """One process; ``settled`` waits until it has taken all that its topics hold."""

    def __init__(self, place: Place) -> None:
        self.place = place
        with socket.socket() as chosen:
            chosen.bind(("127.0.0.1", 0))
            self.port = chosen.getsockname()[1]
        self.log: Path = place.folder / "etl.log"
        self.process: subprocess.Popen[Any] = place.start("etl", *place.etl_options(), "--port", str(self.port))

    def ready(self) -> LiveEtl:
        """Wait until the queries run."""
        assert Deadline(_START_SECONDS).wait_until(self._answers, every=0.1), self.said()
        return self

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.said()
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/health", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def settled(self) -> None:
        """Wait until both tables of each topic cover it."""
        done = Deadline(_SECONDS).wait_until(self._covers, every=0.1)
        assert done, f"{self.place.fates().total()} lines of {self.place.ends()}: {self.said()}"

    def _covers(self) -> bool:
        assert self.process.poll() is None, self.said()
        place = self.place
        lines = place.rows("sales_silver").height + place.rows("sales_quarantine").height
        events = place.rows("events_silver").height + place.rows("events_quarantine").height
        return lines >= sum(place.ends().values()) and events >= sum(place.ends(place.events).values())

    def said(self) -> str:
        """Return the end of its log."""
        return self.log.read_text()[-3000:] if self.log.exists() else ""

    def kill(self) -> None:
        """End the process and its JVM at once."""
        import psutil

        family = [psutil.Process(self.process.pid)] if self.process.poll() is None else []
        for one in [*(c for p in family for c in p.children(recursive=True)), *family]:
            try:
                one.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue
        self.process.wait()

    def stop(self) -> int:
        """Ask the process to end and return its exit code."""
        self.process.terminate()
        return self.process.wait(60)
