"""Files as they stood in a manifest."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.errors import ConfigurationError, TerminalError
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.measure import Facts, Measure, Measured, RowCount, StageSchema
from pipeline_checks.model.position import FilesPosition
from pipeline_checks.model.schema import Schema, SchemaField
from pipeline_checks.model.stage import exact
from pipeline_checks.stages.columns import chosen
from pipeline_checks.stages.files_manifest import FileEntry, content
from pipeline_checks.values.arrow_types import to_arrow

if TYPE_CHECKING:
    import pyarrow

    from pipeline_checks.stages.files import Files


class PinnedFiles:
    """Answers about the rows of the files; each file is read once."""

    def __init__(self, declaration: Files, position: FilesPosition, entries: tuple[FileEntry, ...]) -> None:
        self.position = position
        self.entries = entries
        self._declaration = declaration
        self._held: pyarrow.Table | None = None

    def schema(self) -> Schema:
        """Return the columns of the first line, with the promised types: a text has none of its own."""
        promised = self._declaration.contract.columns
        names = self._table().column_names
        types = {name: promised[name].type if name in promised else LogicalType("string") for name in names}
        added = {self._declaration.row_number: LogicalType("int64"), self._declaration.source_file: _TEXT}
        types |= {name: added[name] for name in names if name in added}
        fields = (SchemaField(name, type_, nullable=True) for name, type_ in types.items())
        return Schema(tuple(fields), enforces_nullability=False)

    def answer(self, measures: frozenset[Measure]) -> dict[Measure, Measured]:
        """Return schema, number of rows, and the facts ``files``: the manifest with the rows of each file."""
        answers: dict[Measure, Measured] = {}
        for measure in measures:
            if isinstance(measure, StageSchema):
                answers[measure] = exact(self.schema())
            elif isinstance(measure, RowCount):
                answers[measure] = exact(self._table().num_rows)
            elif isinstance(measure, Facts):
                if measure.topic != "files":
                    raise ConfigurationError(f"files tell nothing of {measure.topic!r}.", next_step="They tell: files.")
                answers[measure] = exact([e.to_json() for e in self.entries])
        return answers

    def rows(self, columns: Sequence[str] | None = None) -> pyarrow.Table:
        """Return the rows; raises TerminalError naming file and row of what is no value of its column."""
        return chosen(self._table(), columns, f"the stage {self._declaration.name}")

    def _table(self) -> pyarrow.Table:
        if self._held is None:
            self._held = self._read()
        return self._held

    def _read(self) -> pyarrow.Table:
        import pyarrow as pa

        tables, first = [], self._declaration.first_row
        written = [e for e in self.entries if not self._declaration.blank_files or content(e, "").strip()]
        for entry in written or self.entries:
            table = self._of(entry)
            if self._declaration.source_file is not None:
                names = pa.array([entry.name] * table.num_rows, pa.string())
                table = table.append_column(self._declaration.source_file, names)
            if self._declaration.row_number is not None:
                numbers = pa.array(range(first, first + table.num_rows), pa.int64())
                table = table.append_column(self._declaration.row_number, numbers)
            first = self._declaration.first_row if self._declaration.numbered_by_file else first + table.num_rows
            tables.append(table)
        different = next((t for t in tables if t.column_names != tables[0].column_names), None)
        if different is not None:
            raise TerminalError(
                f"{self._declaration.name}: its files have different columns.",
                next_step="Declare a stage for each form of file.",
            )
        return pa.concat_tables(tables).combine_chunks()

    def _of(self, entry: FileEntry) -> pyarrow.Table:
        import pyarrow as pa
        from pyarrow import csv

        declaration = self._declaration
        promised: dict[str, Any] = {n: to_arrow(c.type) for n, c in declaration.contract.columns.items()}
        text = content(entry, declaration.name)
        if not text.strip():
            raise TerminalError(
                f"{declaration.name}: the file {entry.name} is empty.",
                next_step="Its first line must name the columns.",
            )
        try:
            first = next(iter(io.StringIO(text.split(b"\n", 1)[0].decode("utf-8-sig"))), "")
            names = [name.strip().strip('"') for name in first.rstrip("\r\n").split(declaration.delimiter)]
            return csv.read_csv(
                pa.BufferReader(text),
                csv.ReadOptions(use_threads=True),
                csv.ParseOptions(delimiter=declaration.delimiter, newlines_in_values=b'"' in text),
                csv.ConvertOptions(
                    column_types={n: promised.get(n, pa.string()) for n in names},
                    null_values=[declaration.null],
                    strings_can_be_null=declaration.null_texts,
                    quoted_strings_can_be_null=declaration.null_texts,
                ),
            )
        except (pa.ArrowException, UnicodeDecodeError) as problem:
            raise TerminalError(
                f"{declaration.name}: the file {entry.name} cannot be read: {str(problem).splitlines()[0]}.",
                next_step="A file that was cut off, or of another form, must be put right or taken away.",
            ) from None


_TEXT = LogicalType("string")
