"""How a table with one feature is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Step = str | Callable[[Any, str], None]
"""A statement, in which ``$T`` stands for the table, or a function of the session and the table's path or name."""

ROWS = "select id, concat('n', id) name, cast(id as double) / 4 x, {time} ts from range(0, {n}, 1, 1)"
TIME = "timestamp'2026-01-01 00:00:00' + make_interval(0, 0, 0, 0, cast(id as int))"


@dataclass(frozen=True)
class Recipe:
    """One table.

    Parameters
    ----------
    name:
        Of the table, naming its feature.
    steps:
        What makes it, in order.
    refused:
        A word of the error with which the stage refuses its rows; empty where it reads them.
    refused_from:
        The first of the table's versions or snapshots, by its place in the history, that is refused.
    skipped:
        Columns that the stage refuses to read, while it reads the others.
    read_as:
        What Spark selects of it, where that is not every column as it is.
    """

    name: str
    steps: tuple[Step, ...]
    refused: str = ""
    refused_from: int = 0
    skipped: tuple[str, ...] = ()
    read_as: str = "*"


def rows(n: int = 100) -> str:
    """Return a query of ``n`` rows with id, name, x and ts."""
    return ROWS.format(time=TIME, n=n)
