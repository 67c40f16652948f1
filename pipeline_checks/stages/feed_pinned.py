"""The ledger of a feed up to a number of entries."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline_checks.clients.http import translated
from pipeline_checks.model.errors import ConfigurationError, TerminalError, TransientError
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.measure import Facts, Grade, Measure, Measured, RowCount, StageSchema
from pipeline_checks.model.position import EntriesPosition, InstantPosition
from pipeline_checks.model.schema import Schema, SchemaField
from pipeline_checks.model.stage import exact
from pipeline_checks.stages.columns import chosen
from pipeline_checks.stages.event_values import convert
from pipeline_checks.values.arrow_types import from_arrow, to_arrow

if TYPE_CHECKING:
    import pyarrow

    from pipeline_checks.stages.feed_ledger import FeedReader

ENTRY, SENT_AT, TIMES_SENT = "entry", "sent_at", "times_sent"
OWN: Mapping[str, LogicalType] = {
    ENTRY: LogicalType("int64"),
    SENT_AT: LogicalType("timestamptz", 6),
    TIMES_SENT: LogicalType("int64"),
}
"""The columns that every ledger has beside the fields of its frames."""


class PinnedFeed:
    """Answers about the entries below one position, or that there is no ledger; it is read once and kept.

    An entry stands for ever, but how often it was sent may rise after the position was taken.
    """

    def __init__(
        self, reader: FeedReader, position: EntriesPosition | InstantPosition, told: Mapping[str, Any] | None = None
    ) -> None:
        """``told`` is what the feed said of its ledger then: while it says the same, nothing of it has changed."""
        self.position = position
        self.told = told
        self._reader = reader
        self._held: pyarrow.Table | None = None
        self._sent: pyarrow.Table | None = None

    @property
    def has_ledger(self) -> bool:
        """Whether the feed keeps a ledger."""
        return isinstance(self.position, EntriesPosition)

    def schema(self) -> Schema:
        """Return the columns as the first entry has them, in the promised types where values have those."""
        promised = self._reader.declaration.contract.columns
        shown = [f for f in self._table().schema if f.name in promised or f.name not in OWN]
        return Schema(tuple(SchemaField(f.name, from_arrow(f.type), True) for f in shown), False)

    def answer(self, measures: frozenset[Measure]) -> dict[Measure, Measured]:
        """Return schema, the number of entries that were sent, and facts.

        Facts: ``ledger`` (what the feed says of it now, None where there is none), ``bad_frames`` (list of ``raw``
        (bytes), ``reason``, ``sent_at``).
        """
        answers: dict[Measure, Measured] = {}
        for measure in measures:
            if isinstance(measure, StageSchema):
                answers[measure] = self._schema()
            elif isinstance(measure, RowCount):
                answers[measure] = exact(self.rows((TIMES_SENT,)).num_rows)
            elif isinstance(measure, Facts):
                answers[measure] = exact(self._facts(measure.topic))
        return answers

    def rows(self, columns: Sequence[str] | None = None) -> pyarrow.Table:
        """Return the entries that were sent at least once; see ``entries`` for all."""
        from pyarrow import compute

        if self._sent is None:
            table = self._table()
            self._sent = table.filter(compute.greater(table.column(TIMES_SENT), 0))
        return chosen(self._sent, columns, f"the ledger of {self._reader.declaration.name}")

    def _schema(self) -> Measured:
        found = self.schema()
        return exact(found) if self._table().num_rows else Measured(Schema((), False), Grade.UNKNOWN)

    def entries(self) -> pyarrow.Table:
        """Return all entries, those that were never sent too."""
        return self._table()

    def _table(self) -> pyarrow.Table:
        if self._held is None:
            self._held = self._read()
        return self._held

    def _read(self) -> pyarrow.Table:
        import pyarrow as pa

        declared = self._reader.declaration
        types = {**OWN, **{name: c.type for name, c in declared.contract.columns.items()}}
        limit = self.position.entries if isinstance(self.position, EntriesPosition) else 0
        pages, start = [], 0
        while start < limit:
            page = self._page(start, min(declared.page_size, limit - start))
            pages.append(_typed(page, types, declared.fields, f"{declared.name} from entry {start}"))
            start += page.num_rows
        if not pages:
            return pa.schema([(name, to_arrow(type_)) for name, type_ in types.items()]).empty_table()
        table = pa.concat_tables(pages).combine_chunks()
        _refuse_disorder(table, declared.name)
        return table

    def _page(self, start: int, wanted: int) -> pyarrow.Table:
        from pyarrow import json as arrow_json

        path = f"{self._reader.declaration.path}/trades"
        what = f"GET {path}?start={start}&limit={wanted}"
        text = self._text(path, {"start": start, "limit": wanted}, what)
        if not text.strip():
            raise TerminalError(f"{what} answered 0 entries.")
        try:
            # Read as text where a number could be cut: prices come as text already.
            block = max(1 << 20, len(text) + 1)
            page = arrow_json.read_json(io.BytesIO(text), arrow_json.ReadOptions(block_size=block))
        except Exception as problem:
            raise TerminalError(f"{what} answered lines that are not JSON: {str(problem)[:200]}.") from None
        if page.num_rows == 0 or page.num_rows > wanted:
            raise TerminalError(f"{what} answered {page.num_rows} entries.")
        absent = [name for name in OWN if name not in page.column_names]
        if absent:
            raise TerminalError(f"{what}: no entry has {absent[0]!r}.")
        return page

    def _text(self, path: str, params: Mapping[str, Any], what: str) -> bytes:
        with translated(what):
            response = self._reader.session().get(path, params=dict(params))
        if response.status_code == 429 or response.status_code >= 500:
            raise TransientError(f"{what} answered {response.status_code}.", status=response.status_code)
        if not response.is_success:
            raise TerminalError(f"{what} answered {response.status_code}.", status=response.status_code)
        content: bytes = response.content
        return content

    def _facts(self, topic: str) -> Any:
        if topic == "ledger":
            return self._reader.summary() if self.has_ledger else None
        if topic == "bad_frames":
            return list(self._bad_frames()) if self.has_ledger else []
        raise ConfigurationError(f"a ledger tells nothing of {topic!r}.", next_step="It tells: ledger, bad_frames.")

    def _bad_frames(self) -> Iterator[dict[str, Any]]:
        import orjson

        path = f"{self._reader.declaration.path}/bad_frames"
        for line in self._text(path, {}, f"GET {path}").splitlines():
            if not line.strip():
                continue
            try:
                told = orjson.loads(line)
                raw = base64.b64decode(told["raw_base64"], validate=True)
            except (ValueError, KeyError, TypeError) as problem:
                raise TerminalError(f"GET {path} answered a line that is no bad frame: {problem}.") from None
            yield {"raw": raw, "reason": told.get("reason"), "sent_at": told.get("sent_at")}


def _typed(
    page: pyarrow.Table, types: Mapping[str, LogicalType], fields: Mapping[str, str], what: str
) -> pyarrow.Table:
    """Return the promised columns in their types; raises TerminalError for a value that is not of its type."""
    import pyarrow as pa

    arrays = []
    for name, type_ in types.items():
        field = fields.get(name, name)
        if field not in page.column_names:
            raise TerminalError(f"{what}: no entry has {field!r}.", next_step="Correct the columns of its contract.")
        column = page.column(field).combine_chunks()
        target = to_arrow(type_)
        try:
            arrays.append(_cast(column, target))
        except (pa.ArrowException, ValueError):
            converted = convert(column.to_pylist(), type_, None)
            if converted.unconvertible:
                value = column[converted.unconvertible[0]].as_py()
                raise TerminalError(f"{what}: {value!r} in {field!r} is not of type {type_}.") from None
            arrays.append(converted.array)
    return pa.Table.from_arrays(arrays, schema=pa.schema([(n, to_arrow(t)) for n, t in types.items()]))


def _cast(column: pyarrow.Array, target: pyarrow.DataType) -> pyarrow.Array:
    """Return texts as decimals, whole numbers as instants in the unit of the type, all else as it is."""
    import pyarrow as pa

    from pipeline_checks.values.decimals import decimals_of

    if pa.types.is_decimal(target) and pa.types.is_string(column.type):
        return decimals_of(column, target)
    if pa.types.is_timestamp(column.type) or pa.types.is_floating(column.type):
        raise ValueError("guessed by the reader")  # value by value then, which guesses nothing
    if pa.types.is_string(target) and not pa.types.is_string(column.type):
        raise ValueError("not a text")
    return column.cast(target)


def _refuse_disorder(table: pyarrow.Table, name: str) -> None:
    import numpy as np

    found = table.column(ENTRY).to_numpy()
    if not np.array_equal(found, np.arange(len(found))):
        place = int(np.argmax(found != np.arange(len(found))))
        raise TerminalError(f"the ledger of {name} has entry {found[place]} where {place} belongs.")
