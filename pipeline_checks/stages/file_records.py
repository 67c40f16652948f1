"""The records of one file, each with the line that it stands on, and the lines that are no records."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pipeline_checks.model.errors import TerminalError

if TYPE_CHECKING:
    from pipeline_checks.stages.s3_files import S3Files

_MARK = b"\xef\xbb\xbf"
_LONG = re.compile(rb"\d{19}")


@dataclass(frozen=True)
class FileRecords:
    """Records with their lines, counted from 1 (in files without lines: with their number), and malformed lines.

    ``are_texts`` says that values are as they are written, so that what they mean is the table's to say.
    """

    records: list[tuple[int, dict[str, Any]]]
    malformed: list[int] = field(default_factory=list)
    are_texts: bool = False

    @property
    def total(self) -> int:
        """Lines that are not blank: records and those that are none."""
        return len(self.records) + len(self.malformed)


def records_of(content: bytes, declared: S3Files) -> FileRecords:
    """Return the records of a file; raises TerminalError for a file that as a whole is not of its format."""
    if declared.format == "json":
        return _json_lines(content)
    try:
        if declared.format == "csv":
            return FileRecords(list(_csv_rows(content, declared)), are_texts=True)
        return FileRecords(list(enumerate(_ROWS[declared.format](content), 1)))
    except Exception as problem:  # the readers share no root of their errors
        said = str(problem).splitlines()[0][:200] if str(problem) else type(problem).__name__
        raise TerminalError(f"{declared.name}: a file is no {declared.format}: {said}.") from None


def _json_lines(content: bytes) -> FileRecords:
    records: list[tuple[int, dict[str, Any]]] = []
    malformed = []
    parse = _parsed_exactly if _LONG.search(content) else _parsed
    for number, line in enumerate(content.removeprefix(_MARK).split(b"\n"), 1):
        if not line.strip():
            continue
        found = parse(line)
        if isinstance(found, dict):
            records.append((number, found))
        else:
            malformed.append(number)
    return FileRecords(records, malformed)


def _parsed(line: bytes) -> Any:
    import orjson

    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def _parsed_exactly(line: bytes) -> Any:
    """Parse whole numbers of any length, of which the faster parser makes broken ones."""
    try:
        return json.loads(line, parse_constant=_refused)
    except (ValueError, RecursionError):
        return None


def _refused(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def _csv_rows(content: bytes, declared: S3Files) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=declared.delimiter)
    names: list[str] | None = None
    before = 0
    for row in reader:
        line, before = before + 1, reader.line_num
        if not row:
            continue
        if names is None:
            names = row if declared.header else [f"_c{i}" for i in range(len(row))]
            if declared.header:
                continue
        yield line, {name: (value if value != "" else None) for name, value in zip(names, row, strict=False)}


def _parquet_rows(content: bytes) -> list[dict[str, Any]]:
    import pyarrow as pa
    from pyarrow import parquet

    rows: list[dict[str, Any]] = parquet.read_table(pa.BufferReader(content)).to_pylist()
    return rows


def _orc_rows(content: bytes) -> list[dict[str, Any]]:
    import pyarrow as pa
    from pyarrow import orc

    rows: list[dict[str, Any]] = orc.ORCFile(pa.BufferReader(content)).read().to_pylist()
    return rows


def _avro_rows(content: bytes) -> Iterator[dict[str, Any]]:
    from fastavro import reader

    for row in reader(io.BytesIO(content)):
        yield dict(row)  # type: ignore[arg-type]


_ROWS: Final[dict[str, Callable[[bytes], Iterable[dict[str, Any]]]]] = {
    "parquet": _parquet_rows,
    "orc": _orc_rows,
    "avro": _avro_rows,
}
"""Formats whose files have no lines."""
