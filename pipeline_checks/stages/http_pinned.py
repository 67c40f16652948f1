"""A resource of an API at one version of the table behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.errors import ConfigurationError, TerminalError
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.measure import Facts, Measure, Measured, StageSchema
from pipeline_checks.model.position import Position
from pipeline_checks.model.schema import Schema
from pipeline_checks.model.stage import exact
from pipeline_checks.stages.columns import chosen
from pipeline_checks.stages.connect_schema import Encoding
from pipeline_checks.stages.event_values import convert
from pipeline_checks.stages.http_pages import Request, read_all
from pipeline_checks.stages.openapi import resource_schema
from pipeline_checks.values.arrow_types import to_arrow

if TYPE_CHECKING:
    import pyarrow

    from pipeline_checks.stages.http_api import ApiReader

_UTC = ("Z", "+00:00")
_TIMED = ("timestamp", "timestamptz", "date", "time")


class PinnedApi:
    """Answers about one version. Its rows are fetched once, page by page, and kept."""

    def __init__(self, reader: ApiReader, position: Position) -> None:
        self.position = position
        self._reader = reader
        self._found: Schema | None = None
        self._held: pyarrow.Table | None = None

    def schema(self) -> Schema:
        """Return the columns as the API's OpenAPI document describes them."""
        if self._found is None:
            declared = self._reader.declaration
            document, _ = self._reader.client().get(declared.openapi)
            self._found = resource_schema(document, declared.path, declared.envelope.items, declared.contract)
        return self._found

    def answer(self, measures: frozenset[Measure]) -> dict[Measure, Measured]:
        """Return schema and facts; the count is that of the rows themselves, not what the API says of them.

        ``Facts("requests")`` of the requests made so far: ``count``, ``statuses`` (status to number), ``latencies``
        (seconds of each). ``Facts("versions")``: a list of ``version``, ``committed_at``, ``loaded_at`` (ISO texts).
        Of an API that serves snapshots: those that were served when none was asked for, ``loaded_at`` None where it is
        not known since when. ``Facts("health")``: what ``GET /health`` answers.
        """
        answers: dict[Measure, Measured] = {}
        for measure in measures:
            if isinstance(measure, StageSchema):
                answers[measure] = exact(self.schema())
            elif isinstance(measure, Facts):
                answers[measure] = exact(self._facts(measure.topic))
        return answers

    def rows(self, columns: Sequence[str] | None = None) -> pyarrow.Table:
        """Return the rows; raises TerminalError when a column is not there or a value is not of its type."""
        return chosen(self._table(), columns, self._request)

    @property
    def _request(self) -> str:
        return str(self._asked({}))

    def _asked(self, page: Mapping[str, Any]) -> Request:
        declared = self._reader.declaration
        if declared.snapshots is None:
            return Request("GET", declared.path, {"version": self.position.value(), **page})
        path = "/" + declared.snapshots.resource.strip("/").replace("{snapshot}", str(self.position.value()))
        body = declared.snapshots.body if declared.snapshots.method == "POST" else None
        return Request(declared.snapshots.method, path, page, body)

    def _table(self) -> pyarrow.Table:
        if self._held is None:
            import pyarrow as pa

            declared = self._reader.declaration
            rows, types = self._rows(declared.page_size), self._types()
            if rows:
                absent = next((name for name in types if not any(name in row for row in rows)), None)
                if absent is not None:
                    raise TerminalError(f"{self._request}: no row has a column {absent!r}.")
            arrays = [self._array(name, type_, [row.get(name) for row in rows]) for name, type_ in types.items()]
            schema = pa.schema([(name, to_arrow(type_)) for name, type_ in types.items()])
            self._held = pa.Table.from_arrays(arrays, schema=schema)
        return self._held

    def _rows(self, page_size: int) -> list[dict[str, Any]]:
        if self._reader.declaration.snapshots is not None and self.position.value() is None:
            return []  # the table has no snapshot yet, so there is nothing to ask for
        envelope = self._reader.declaration.envelope
        return list(read_all(self._reader.client(), self._asked, self.position, page_size, envelope))

    def _types(self) -> dict[str, LogicalType]:
        promised = self._reader.declaration.contract.columns
        if promised:
            return {name: column.type for name, column in promised.items()}
        return {field.name: field.type for field in self.schema().fields}

    def _array(self, name: str, type_: LogicalType, values: list[Any]) -> pyarrow.Array:
        if type_.name == "timestamp":
            # JSON's instants name their zone; a column without one holds the same clock in UTC.
            values = [_without_zone(v) if isinstance(v, str) else v for v in values]
        converted = convert(values, type_, Encoding.TEXT if type_.name in _TIMED else None)
        if converted.unconvertible:
            value = values[converted.unconvertible[0]]
            raise TerminalError(f"{self._request}: {value!r} in column {name!r} is not of type {type_}.")
        return converted.array

    def _facts(self, topic: str) -> Any:
        api, declared = self._reader.client(), self._reader.declaration
        if topic == "requests":
            return {"count": len(api.latencies), "statuses": dict(api.statuses), "latencies": list(api.latencies)}
        if topic == "versions" and declared.snapshots is not None:
            return [{"version": version, "loaded_at": seen} for version, seen in self._reader.served.items()]
        if topic == "versions":
            entries, _ = api.get(f"/versions{declared.path}")
            if not isinstance(entries, list) or not all(isinstance(e, dict) and "loaded_at" in e for e in entries):
                raise TerminalError(f"GET /versions{declared.path} answered no list of versions.")
            return entries
        if topic == "health":
            return api.get("/health")[0]
        raise ConfigurationError(
            f"an API tells nothing of {topic!r}.", next_step="It tells: requests, versions, health."
        )


def _without_zone(text: str) -> str:
    return next((text[: -len(suffix)] for suffix in _UTC if text.endswith(suffix)), text)
