"""A file as a whole: looked through before anything of it is sent."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline_checks.model.errors import TerminalError
from pipeline_checks.pipelines.sales.flow.reading.records import ENCODING, Refusal, read

OnMalformed = Literal["fail", "quarantine"]


@dataclass(frozen=True)
class Examined:
    """What a file holds: its records, those of them that cannot be read, and the digest of its bytes."""

    records: int
    refusals: tuple[Refusal, ...]
    sha256: str


def examine(path: Path, encoding: str = ENCODING, on_malformed: OnMalformed = "fail") -> Examined:
    """Read a file to its end.

    Raises TerminalError, naming file, line and column, for a header that is not that of sales, and unless
    ``on_malformed`` is ``quarantine`` for the first record that cannot be read.
    """
    records, refusals = 0, []
    with _reachable(path):
        sha256 = digest(path)
        for one in read(path, encoding):
            records += 1
            if isinstance(one, Refusal):
                if on_malformed == "fail":
                    raise one.error(path)
                refusals.append(one)
    return Examined(records, tuple(refusals), sha256)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _reachable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise TerminalError(
            f"{path} cannot be read: {problem.strerror or problem}.", next_step="Nothing of it was sent."
        ) from None
