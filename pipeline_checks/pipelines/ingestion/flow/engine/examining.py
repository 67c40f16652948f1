"""Looks into the new files of a run, many in one pass: how many lines, which cannot be read, and what columns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pyspark.sql.types import (
    ByteType,
    DataType,
    DateType,
    DoubleType,
    IntegerType,
    LongType,
    ShortType,
    StringType,
    StructField,
    StructType,
    TimestampNTZType,
    TimestampType,
)

from pipeline_checks.pipelines.ingestion.flow.engine.copies import Copies
from pipeline_checks.pipelines.ingestion.flow.engine.errors import EngineError
from pipeline_checks.pipelines.ingestion.flow.engine.listing import client, head
from pipeline_checks.pipelines.ingestion.flow.engine.merging import Conflict, merge, normalized
from pipeline_checks.pipelines.ingestion.flow.engine.model import FileFacts, FileVersion, Format, Store
from pipeline_checks.pipelines.ingestion.flow.engine.quarantine import first_bad_line
from pipeline_checks.pipelines.ingestion.flow.engine.reading import MALFORMED, is_lines, kind, lines, reader
from pipeline_checks.pipelines.ingestion.flow.engine.sessions import Sessions, SparkRefusal, rows
from pipeline_checks.pipelines.ingestion.flow.engine.type_names import columns_of, parse_type

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_AT_ONCE: Final = 500
_REQUESTS: Final = 8


@dataclass
class Findings:
    """What was seen in each file, and which cannot be loaded, by path."""

    schemas: dict[str, StructType] = field(default_factory=dict)
    facts: dict[str, FileFacts] = field(default_factory=dict)
    refused: dict[str, EngineError] = field(default_factory=dict)

    def found(self, file: FileVersion, schema: StructType, records: int | None, bad_lines: int = 0) -> None:
        """Keep what was seen in one file."""
        self.schemas[file.path] = schema
        self.facts[file.path] = FileFacts(columns_of(schema), records, bad_lines)


class Examiner:
    """Looks into files of one format, of one store."""

    def __init__(self, sessions: Sessions, store: Store, format: Format, copies: Copies) -> None:
        self._sessions = sessions
        self._store = store
        self._format = format
        self._copies = copies

    def examine(self, files: Sequence[FileVersion]) -> Findings:
        """Look into the files.

        Raises EngineError of a type that stops the run.
        """
        findings = Findings()
        pending = [file for file in files if file.size]
        for file in files:
            if not file.size:
                findings.found(file, StructType([]), 0)
        step = _AT_ONCE if is_lines(self._format) else 1
        for start in range(0, len(pending), step):
            self._examine(pending[start : start + step], findings)
        return findings

    def _examine(self, files: Sequence[FileVersion], findings: Findings) -> None:
        """Look into some at once; where that fails find out which of them it was."""
        if not files:
            return
        try:
            with (
                self._copies.readable(files, self._format) as places,
                self._sessions.asking(f"looking into {len(files)} files") as session,
            ):
                self._look(session, places, findings)
        except (SparkRefusal, EngineError) as problem:
            if isinstance(problem, EngineError) and problem.stops_the_run:
                raise
            gone = self._gone(files)
            findings.refused.update(gone)
            left = [file for file in files if file.path not in gone]
            if gone:
                self._examine(left, findings)
            elif len(left) > 1:
                middle = len(left) // 2
                self._examine(left[:middle], findings)
                self._examine(left[middle:], findings)
            else:
                findings.refused[left[0].path] = self._unreadable(left[0], problem)

    def _gone(self, files: Sequence[FileVersion]) -> dict[str, EngineError]:
        """Return those that are no more what was listed."""
        store: Any = client(self._store)

        def asked(file: FileVersion) -> EngineError | None:
            try:
                head(store, file)
            except EngineError as problem:
                return problem
            return None

        with ThreadPoolExecutor(_REQUESTS) as pool:
            answers = list(pool.map(asked, files))
        for answer in answers:
            if answer is not None and answer.stops_the_run:
                raise answer
        return {file.path: answer for file, answer in zip(files, answers, strict=True) if answer is not None}

    def _unreadable(self, file: FileVersion, problem: Exception) -> EngineError:
        if isinstance(problem, EngineError):
            return problem
        return EngineError(
            "FILE_UNREADABLE",
            f"{file.path} cannot be read as {self._format.type}: {problem}",
            next_step="See that the file is whole and of the format that the ingestion names.",
        )

    def _look(self, session: SparkSession, places: dict[str, FileVersion], findings: Findings) -> None:
        if is_lines(self._format):
            self._look_at_lines(session, places, findings)
            return
        for place, file in places.items():
            if self._format.type == "csv":
                self._look_at_csv(session, place, file, findings)
            else:
                found = reader(session, self._format).load(place).schema
                findings.found(file, found, None)

    def _look_at_lines(self, session: SparkSession, places: dict[str, FileVersion], findings: Findings) -> None:
        from pyspark.sql.connect import functions as f

        counted = lines(session, list(places)).select("file", kind().alias("kind")).groupBy("file", "kind")
        seen: dict[str, dict[str, int]] = defaultdict(dict)
        for row in rows(counted.agg(f.count("*").alias("lines"))):
            seen[row["file"]][row["kind"]] = int(row["lines"])
        for place, file in places.items():
            kinds = seen[place]
            bad, _ = kinds.pop("bad", 0), kinds.pop("blank", 0)
            if bad and self._format.bad_records == "fail_file":
                findings.refused[file.path] = self._malformed(session, place, file, bad)
                continue
            try:
                schema = _merged(kinds)
            except Conflict as conflict:
                # Told apart from the table's by nothing but the file itself: it is judged as it is.
                findings.refused[file.path] = _mixed(file, conflict)
                continue
            findings.found(file, schema, sum(kinds.values()), bad)

    def _malformed(self, session: SparkSession, place: str, file: FileVersion, bad: int) -> EngineError:
        line = first_bad_line(session, place, self._format)
        return EngineError(
            "MALFORMED_RECORD",
            f"{file.path}: line {line} cannot be read as {self._format.type}; {bad} of its lines cannot.",
            next_step="Correct the lines, or choose format.bad_records: quarantine, which loads the others.",
            line=line,
            lines=bad,
        )

    def _look_at_csv(self, session: SparkSession, place: str, file: FileVersion, findings: Findings) -> None:
        from pyspark.sql.connect import functions as f

        guessed = reader(session, self._format, mode="PERMISSIVE").option("inferSchema", "true").load(place).schema
        schema = StructType([StructField(c.name, _of_text(c.dataType)) for c in guessed if c.name != MALFORMED])
        if not schema.fields:
            findings.found(file, schema, 0)
            return
        with_bad = StructType([*schema.fields, StructField(MALFORMED, StringType())])
        read = reader(session, self._format, mode="PERMISSIVE").schema(with_bad).load(place)
        bad = f.count_if(f.col(f"`{MALFORMED}`").isNotNull())
        counted = rows(read.agg(f.count("*").alias("rows"), bad.alias("bad"), f.max(f.hash("*")).alias("read")))[0]
        if counted["bad"] and self._format.bad_records == "fail_file":
            findings.refused[file.path] = self._malformed(session, place, file, int(counted["bad"]))
        else:
            findings.found(file, schema, int(counted["rows"]) - int(counted["bad"]), int(counted["bad"]))


def _merged(kinds: dict[str, int]) -> StructType:
    """Return the columns of all objects of a file, by name."""
    schema = StructType([])
    for text in sorted(kinds):
        try:
            found = parse_type(text)
        except ValueError as problem:
            raise Conflict((), "", text, str(problem)) from None
        row = normalized(found)
        assert isinstance(row, StructType)
        schema = merge(schema, None, row)
    return StructType(sorted(schema.fields, key=lambda f: f.name))


def _mixed(file: FileVersion, conflict: Conflict) -> EngineError:
    column = ".".join(conflict.path)
    return EngineError(
        "SCHEMA_INCOMPATIBLE",
        f"{file.path}: column {column!r}: {conflict}.",
        next_step="Correct the file and put it back.",
        column=column,
        old_type=conflict.old or None,
        new_type=conflict.new,
    )


def _of_text(kind: DataType) -> DataType:
    """Return the type of a CSV column as JSON would have it: whole numbers are long, instants stay text."""
    if isinstance(kind, ByteType | ShortType | IntegerType | LongType):
        return LongType()
    if isinstance(kind, DateType | TimestampType | TimestampNTZType):
        return StringType()
    return DoubleType() if isinstance(kind, DoubleType) else kind
