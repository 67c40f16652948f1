"""Writing: progress goes to stderr, results to stdout, documents to files or stdout."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from pipeline_checks.model.errors import ConfigurationError


def progress(line: str) -> None:
    """Say what is being done."""
    click.echo(line, err=True)


def counting(what: str, number: int) -> None:
    """Show how much has been written so far: on a terminal only, where the next line takes its place."""
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{what}: {number:,}\r", err=True, nl=False)


def write_text(text: str, target: str) -> None:
    """Write a document to a file, making its folder, or to stdout when ``target`` is ``-``."""
    if target == "-":
        click.echo(text.rstrip("\n"))
        return
    file = Path(target)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")
    except OSError as problem:
        raise ConfigurationError(
            f"{target} cannot be written: {problem.strerror}", next_step="Name a file in a folder you can write to."
        ) from None


def replace_text(text: str, target: str) -> None:
    """Write a document as ``write_text`` does, but so that who reads the file meanwhile never sees half of one."""
    if target == "-":
        write_text(text, target)
        return
    beside = f"{target}.{os.getpid()}.part"
    write_text(text, beside)
    Path(beside).replace(target)


def write_json(value: Any, target: str) -> None:
    """Write a JSON value to a file or to stdout."""
    write_text(json.dumps(value, indent=2, ensure_ascii=False, default=str), target)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Return rows as aligned columns; the last column may be of any width.

    >>> print(table(("a", "b"), [("1", "two"), ("three", "")]))
    a      b
    1      two
    three
    """
    widths = [max(len(click.unstyle(row[i])) for row in (head, *rows)) for i in range(len(head))]
    lines = []
    for row in (head, *rows):
        cells = [cell + " " * (width - len(click.unstyle(cell))) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
