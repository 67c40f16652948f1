"""What a caller can ask of a verification."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Options:
    """Options of one verification.

    Parameters
    ----------
    deadline:
        Seconds to wait for a stage to settle, instead of what each stage declares.
    full:
        Read everything instead of only what is new since the last verification.
    progress:
        Called with a line about what is being done.
    spark:
        Gives the Spark session of a pipeline whose engine takes it from a resource.
    """

    deadline: float | None = None
    full: bool = False
    progress: Callable[[str], None] | None = None
    spark: Callable[[], Any] | None = None

    def say(self, line: str) -> None:
        """Report progress."""
        if self.progress is not None:
            self.progress(line)
