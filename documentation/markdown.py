"""Docstrings and tables as Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

_SECTION = re.compile(r"^(Parameters|Raises|Returns)\n-+\n", re.MULTILINE)
GENERATED = "<!-- Generated from the code by `make docs`. Edit the docstring that a sentence comes from. -->"


def head(title: str, *paragraphs: str) -> list[str]:
    """Return the first lines of a page."""
    return [f"# {title}", "", GENERATED, "", *(line for text in paragraphs for line in (text, ""))]


def prose(thing: object) -> str:
    """Return the docstring of a class or function as Markdown, without the sections that are for programmers."""
    text = inspect.cleandoc(getattr(thing, "__doc__", None) or "")
    return markup(_SECTION.split(text)[0].strip())


def markup(text: str) -> str:
    """Return text of a docstring with its literals as code.

    >>> markup("``a`` and ``b``")
    '`a` and `b`'
    """
    return text.replace("``", "`")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a table, empty when there are no rows."""
    cells = [[" ".join(cell.split()).replace("|", "\\|") for cell in row] for row in rows]
    if not cells:
        return []
    lines = [head, ["---"] * len(head), *cells]
    return [*(f"| {' | '.join(line)} |" for line in lines), ""]


def text(lines: Iterable[str]) -> str:
    """Return lines as a file, ending in one line feed."""
    return "\n".join(lines).rstrip() + "\n"
