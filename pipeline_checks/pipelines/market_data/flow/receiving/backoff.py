"""How long to wait before the next attempt to connect, and where to."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final

LONGEST: Final = 60.0


class Backoff:
    """Attempts one after the other: twice the delay each time, a random part of it, at most a minute.

    Parameters
    ----------
    first:
        Seconds before the first attempt after a failure.
    attempts:
        Failures in a row after which to give up.
    """

    def __init__(self, urls: Sequence[str], first: float, attempts: int, random: Random | None = None) -> None:
        self._urls = tuple(urls)
        self._first = first
        self._attempts = attempts
        self._random = random or Random()
        self._at = 0
        self.failures = 0

    @property
    def url(self) -> str:
        """Where to connect next."""
        return self._urls[self._at]

    @property
    def used_up(self) -> bool:
        """Whether there were too many failures in a row."""
        return self.failures >= self._attempts

    def succeeded(self) -> None:
        """Begin to count anew."""
        self.failures = 0

    def failed(self, elsewhere: bool) -> float:
        """Count a failure and return the seconds to wait; ``elsewhere`` turns to the next URL."""
        self.failures += 1
        if elsewhere:
            self._at = (self._at + 1) % len(self._urls)
        longest = min(LONGEST, self._first * 2.0 ** min(self.failures - 1, 16))
        return longest * self._random.uniform(0.5, 1.0)
