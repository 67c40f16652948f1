"""The pages of the documentation, and the fenced blocks in them with what their comments say.

A comment on the line before a block says how it is tested:

- ``<!-- not run: REASON -->``: commands that cannot be run in a test.
- ``<!-- exits: N -->``: commands of which the last exits with N instead of 0.
- ``<!-- file: NAME -->``: the block is a file of the reader's project.
- ``<!-- output -->``: each line of the block stands in what the commands before it have written.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline_checks_tests.syntax import ROOT

SHELLS = ("bash", "console", "sh")
_FENCE = re.compile(r"^(\s*)```\s*([\w+-]*)\s*$")
_COMMENT = re.compile(r"^\s*<!--\s*(not run|exits|file|output)\s*:?\s*(.*?)\s*-->\s*$")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Parameters
    ----------
    mark, value:
        The comment before it: its word, and what stands behind the colon.
    line:
        Where it begins in its page.
    """

    page: Path
    line: int
    language: str
    text: str
    mark: str = ""
    value: str = ""

    @property
    def place(self) -> str:
        """Page and line, for messages."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def is_commands(self) -> bool:
        """Whether people type it into a shell."""
        return self.language in SHELLS and self.mark != "file"

    @property
    def is_run(self) -> bool:
        """Whether its commands are run by a test."""
        return self.is_commands and self.mark != "not run"

    def commands(self) -> list[list[str]]:
        """Return the words of each command, without comments; one may go over several lines."""
        return [words for typed in self.typed() if (words := shlex.split(typed.replace("\\\n", " "), comments=True))]

    def typed(self) -> Iterator[str]:
        """Yield each command as it is typed; of a block that shows a prompt, without what is answered."""
        lines = iter(self.text.splitlines())
        for line in lines:
            if self.language == "console":
                if not line.startswith("$ "):
                    continue
                line = line[2:]
            while not _is_whole(line):
                line = f"{line}\n{next(lines)}"
            yield line


def _is_whole(typed: str) -> bool:
    if typed.endswith("\\"):
        return False
    try:
        shlex.split(typed, comments=True)
    except ValueError:  # a quotation that goes on
        return False
    return True


def pages() -> list[Path]:
    """Return every page that people read."""
    return sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page in their order."""
    return list(_blocks(page))


def _blocks(page: Path) -> Iterator[Block]:
    lines = page.read_text(encoding="utf-8").splitlines()
    at = 0
    while at < len(lines):
        fence = _FENCE.match(lines[at])
        if fence is None:
            at += 1
            continue
        indent, language = fence.groups()
        end = next(i for i in range(at + 1, len(lines)) if lines[i].strip() == "```")
        text = "".join(f"{line.removeprefix(indent)}\n" for line in lines[at + 1 : end])
        comment = _COMMENT.match(lines[at - 1]) if at else None
        mark, value = comment.groups() if comment else ("", "")
        yield Block(page, at + 1, language, text, mark, value)
        at = end + 1
