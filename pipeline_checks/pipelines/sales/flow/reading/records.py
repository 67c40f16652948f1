"""Records of a CSV with their numbers and lines; what cannot be read is located and handed on, nothing is guessed."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from pipeline_checks.model.errors import ConfigurationError, TerminalError
from pipeline_checks.pipelines.sales.flow.reading.quotes import field_of_broken_quote
from pipeline_checks.pipelines.sales.flow.tables import HEADINGS, MALFORMED, MISSING_COLUMN

ENCODING: Final = "utf-8"
_BAD: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\udc80-\udcff]")
"""Control characters that no text has, and what stands for bytes that are not of the encoding."""
_WIDE: Final = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_SHOWN: Final = 80


@dataclass(frozen=True)
class Line:
    """A record that can be read; ``number`` counts records from 1, ``line`` is the file's line on which it begins."""

    number: int
    line: int
    values: dict[str, str | None]


@dataclass(frozen=True)
class Refusal:
    """A record that cannot be read, and why.

    Parameters
    ----------
    reason:
        ``missing_column`` or ``malformed_record``.
    column:
        Heading of the column at which it shows.
    problem:
        What is wrong, for people.
    raw:
        The record as it stands in the file, bytes that are no text written as ``\\xNN``.
    """

    number: int
    line: int
    reason: str
    column: str
    value: str
    problem: str
    raw: str

    def error(self, path: Path) -> TerminalError:
        """Return the error that stops at this record."""
        return refused(path, self.line, self.column, self.problem)


def refused(path: Path, line: int, column: str, problem: str) -> TerminalError:
    """Return the error of a file that is not read: it names file, line and column."""
    return TerminalError(
        f"{path}, line {line}, column {column!r}: {problem}.",
        next_step="Nothing of the file was sent. Repair it and send it again, or set on_malformed to quarantine"
        " where single records are at fault.",
        file=str(path),
        line=line,
        column=column,
    )


def read(path: Path, encoding: str = ENCODING) -> Iterator[Line | Refusal]:
    """Yield the records of a file in their order.

    A byte order mark, line ends of any kind, quoted line breaks and blank lines between records are understood; an
    empty field is None. Raises TerminalError, located, for a header that is not that of sales or a file that is none
    of the encoding, and ConfigurationError for an unknown encoding.
    """
    _refuse_wide(path, encoding)
    chosen = "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding
    try:
        opened = path.open(encoding=chosen, errors="surrogateescape", newline="")
    except LookupError:
        raise ConfigurationError(f"there is no encoding {encoding!r}.", next_step="Write utf-8, for one.") from None
    with opened as file:
        lines = _Lines(file)
        try:
            yield from _records(path, lines)
        except UnicodeDecodeError as problem:
            column = next(iter(HEADINGS))
            raise refused(path, lines.read + 1, column, f"bytes that are no {encoding}: {problem.reason}") from None


def _records(path: Path, lines: _Lines) -> Iterator[Line | Refusal]:
    reader = csv.reader(lines, strict=True)
    headings = _header(path, reader, lines)
    names = [HEADINGS[h] for h in headings]
    number = 0
    while True:
        begin = lines.begin()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as problem:
            number += 1
            first = lines.give_back()
            place = min(field_of_broken_quote(first), len(headings) - 1)
            yield Refusal(number, begin, MALFORMED, headings[place], _shown(first), _told(problem), _text(first))
            continue
        if not fields:
            continue  # a blank line is no record
        number += 1
        if lines.bad or len(fields) != len(names):
            yield _unreadable(number, begin, headings, fields, lines.taken)
        else:
            yield Line(number, begin, {n: f or None for n, f in zip(names, fields, strict=True)})


def _header(path: Path, reader: Iterator[list[str]], lines: _Lines) -> list[str]:
    try:
        found = [h.strip() for h in next(reader, [])]
    except csv.Error as problem:
        raise refused(path, 1, next(iter(HEADINGS)), f"the header cannot be read: {_told(problem)}") from None
    missing = [h for h in HEADINGS if h not in found]
    if not found:
        raise refused(path, 1, missing[0], "the file is empty, not even a header is there")
    if lines.bad:
        at = next((h for h in found if _BAD.search(h)), found[0])
        raise refused(path, 1, _shown(at), "the header has characters that no text has")
    if missing:
        raise refused(path, 1, missing[0], f"the column is missing; the header has {len(found)} columns")
    wrong = next((h for place, h in enumerate(found) if h not in HEADINGS or h in found[:place]), None)
    if wrong is not None:
        raise refused(path, 1, _shown(wrong), "the column is there twice" if wrong in HEADINGS else "it is not known")
    return found


def _unreadable(
    number: int, begin: int, headings: Sequence[str], fields: Sequence[str], taken: Sequence[str]
) -> Refusal:
    raw = _text("".join(taken))
    for place, value in enumerate(fields[: len(headings)]):
        bad = _BAD.search(value)
        if bad:
            problem = f"a byte that is no text, 0x{ord(bad.group()) & 0xFF:02x}"
            return Refusal(number, begin, MALFORMED, headings[place], _shown(value), problem, raw)
    if len(fields) < len(headings):
        heading = headings[len(fields)]
        problem = f"the record ends before it, with {len(fields)} of {len(headings)} fields"
        return Refusal(number, begin, MISSING_COLUMN, heading, "", problem, raw)
    problem = f"the record goes on behind it, with {len(fields)} fields for {len(headings)} columns"
    return Refusal(number, begin, MALFORMED, headings[-1], _shown(fields[-1]), problem, raw)


class _Lines:
    """The lines of a file with their count; those of a record that broke off can be given back."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._again: list[str] = []
        self.read = 0
        self.taken: list[str] = []
        self.bad = False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else next(self._file)
        self.read += 1
        self.taken.append(line)
        if _BAD.search(line):
            self.bad = True
        return line

    def begin(self) -> int:
        """Begin a record; return the line on which it stands if there is one."""
        self.taken = []
        self.bad = False
        return self.read + 1

    def give_back(self) -> str:
        """Return the first line of the record; all further ones will be read again, as others."""
        first, rest = self.taken[0], self.taken[1:]
        self._again.extend(reversed(rest))
        self.read -= len(rest)
        return first


def _refuse_wide(path: Path, encoding: str) -> None:
    with path.open("rb") as file:
        begin = file.read(2)
    for mark, name in _WIDE:
        if begin == mark and not encoding.lower().startswith("utf-16"):
            problem = f"the file is {name}, not {encoding}: say so by the setting `encoding`"
            raise refused(path, 1, next(iter(HEADINGS)), problem)


def _told(problem: csv.Error) -> str:
    text = str(problem)
    return "a quote is opened and not closed" if text == "unexpected end of data" else f"its quotes are broken ({text})"


def _text(read: str) -> str:
    return read.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _shown(value: str) -> str:
    text = _text(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
