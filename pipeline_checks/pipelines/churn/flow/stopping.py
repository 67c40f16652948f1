"""Being told to stop: the first signal is heard by the program, the second ends it at once."""

from __future__ import annotations

import os
import signal
import threading
from time import monotonic
from types import FrameType
from typing import Final

STOPPING_SECONDS: Final = 2.0
"""How long after the wish to stop an answer is still waited for; nothing is lost by leaving."""
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_BASE: Final = 128
"""What the shell adds to a signal's number in the exit code of a program that it ended."""


class Stop:
    """Whether the program has been told to stop, and for how long."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._asked_at: float | None = None

    def listen(self) -> None:
        """Hear SIGTERM and SIGINT; the second one ends the process without a word."""
        for number in _SIGNALS:
            signal.signal(number, self._heard)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if self._event.is_set():
            os._exit(_BASE + number)
        self.ask()

    def ask(self) -> None:
        """Tell the program to stop."""
        if self._asked_at is None:
            self._asked_at = monotonic()
        self._event.set()

    @property
    def asked(self) -> bool:
        """Whether it has been told."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait, at most until told to stop; return whether it was."""
        return self._event.wait(max(0.0, seconds))

    def patience(self, seconds: float, when_stopping: float) -> float:
        """Return how long something may still take: ``seconds``, or what is left of ``when_stopping``."""
        if self._asked_at is None:
            return seconds
        return max(0.0, min(seconds, self._asked_at + when_stopping - monotonic()))
