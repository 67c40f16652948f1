"""Places in a file that a user wrote, and problems found there."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pipeline_checks.model.errors import ConfigurationError

Path = tuple[str | int, ...]
"""Where a value stands in a document: names of fields and indexes of list items, from the top."""

Locate = Callable[[Path], tuple[str, int | None]]
"""Tells the file and the line (counted from 1) of a path, or of the nearest one that encloses it."""


def nowhere(path: Path) -> tuple[str, int | None]:
    """Locate nothing: for a pipeline that was built in Python."""
    return "", None


@dataclass(frozen=True)
class Problem:
    """Something the user wrote that cannot work: where, what, and how to mend it."""

    path: Path
    message: str
    fix: str = ""

    def located(self, locate: Locate) -> str:
        """Return the problem as one line: file, line, field, what is wrong, the fix."""
        file, line = locate(self.path)
        place = f"{file}:{line}: " if line is not None else (f"{file}: " if file else "")
        field = field_name(self.path)
        text = f"{place}{field}: {self.message}" if field else f"{place}{self.message}"
        return f"{text.rstrip('.')}. {self.fix}" if self.fix else text


def field_name(path: Path) -> str:
    """Return a path as people read it.

    >>> field_name(("attributes", "stages", 2, "contract", "key"))
    'attributes.stages[2].contract.key'
    """
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else part)
    return text


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a sentence that names the known names, and the one that was probably meant."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1)
    guess = f"Did you mean {close[0]!r}? " if close else ""
    return f"{guess}Known: {', '.join(names)}."


def refuse(problems: Iterable[Problem], locate: Locate, what: str) -> None:
    """Raise one ConfigurationError that tells all problems, each once, in the order of the file; none: do nothing."""
    unique = {p.located(locate): p for p in problems}
    if not unique:
        return
    lines = sorted(unique, key=lambda text: (locate(unique[text].path)[0], locate(unique[text].path)[1] or 0))
    places = [
        {"file": file, "line": line, "field": field_name(p.path), "message": p.message, "fix": p.fix}
        for p in (unique[text] for text in lines)
        for file, line in (locate(p.path),)
    ]
    head = f"{what} cannot be used, {len(lines)} problem{'s' if len(lines) > 1 else ''}:"
    raise ConfigurationError("\n  ".join([head, *lines]), problems=places)
