"""The tables that Spark has made: their versions, and the rows that Spark reads of each."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline_checks.engines.registry import engine_for
from pipeline_checks.model.measure import Measure, RowMeasure
from pipeline_checks.model.position import SnapshotPosition, VersionPosition
from pipeline_checks.model.stage import PinnedStage
from pipeline_checks.stages.delta import DeltaTable
from pipeline_checks.stages.delta import open_stage as open_delta
from pipeline_checks.stages.iceberg import IcebergTable
from pipeline_checks.stages.iceberg import open_stage as open_iceberg
from pipeline_checks_tests.lake_features.making import CATALOG, NAMESPACE, catalog_url, warehouse

Row = dict[str, Any]


@dataclass(frozen=True)
class MadeTables:
    """What lies in the folder that the tables were made in."""

    folder: Path

    def versions(self, kind: str, name: str) -> list[str]:
        """Return the versions or snapshots of a table of which Spark's rows are known, the newest one last."""
        found: list[str] = json.loads((self.folder / "truth.json").read_text())[kind][name]
        return found

    def truth(self, kind: str, name: str, version: str) -> list[Row]:
        """Return the rows that Spark reads, sorted, in the form of ``normal_rows``."""
        with pa.OSFile(str(self.folder / "truth" / f"{kind}-{name}-{version}.arrow")) as file:
            return normal_rows(pa.ipc.open_file(file).read_all())

    def pinned(self, kind: str, name: str, version: str) -> PinnedStage:
        """Return the table at a version as our stage."""
        if kind == "delta":
            path = str(self.folder / "delta" / name)
            return open_delta(DeltaTable(name=name, path=path)).at(VersionPosition(int(version)))
        declared = IcebergTable.model_validate(
            {
                "name": name,
                "table": f"{NAMESPACE}.{name}",
                "catalog": {"name": CATALOG, "url": catalog_url(self.folder), "warehouse": warehouse(self.folder)},
            }
        )
        return open_iceberg(declared).at(SnapshotPosition(int(version), 0))


def measured(pinned: PinnedStage, measures: Iterable[RowMeasure], columns: Sequence[str]) -> Mapping[Measure, Any]:
    """Return the values as a check gets them: from metadata where that tells, by the engine otherwise."""
    wanted = frozenset(measures)
    answers = dict(pinned.answer(frozenset[Measure](wanted)))
    rest = frozenset(m for m in wanted if m not in answers)
    if rest:
        answers.update(engine_for(pinned.rows(columns)).measure(pinned.rows, rest))
    return {measure: answer.value for measure, answer in answers.items()}


def read(pinned: PinnedStage, columns: Sequence[str] | None = None) -> list[Row]:
    """Return the rows of a stage, sorted, in the form of ``normal_rows``."""
    found: Any = pinned.rows(columns)
    table = found.read_all() if hasattr(found, "read_all") else found.collect().to_arrow()
    return normal_rows(table)


def normal_rows(table: pa.Table) -> list[Row]:
    """Return rows whose values are equal where they are the same, whatever wrote them, in an order of their own."""
    columns = {f.name: [_normal(v, f.type) for v in table.column(f.name).to_pylist()] for f in table.schema}
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return sorted(rows, key=lambda row: repr(sorted(row.items())))


def without(rows: Iterable[Row], columns: Sequence[str]) -> list[Row]:
    """Return the rows without some of their columns, sorted as ``normal_rows`` does."""
    kept = [{name: value for name, value in row.items() if name not in columns} for row in rows]
    return sorted(kept, key=lambda row: repr(sorted(row.items())))


def repeated(rows: Iterable[Row], column: str) -> int:
    """Return how many values of a column stand in more than one row."""
    return sum(1 for times in Counter(row[column] for row in rows).values() if times > 1)


def _normal(value: Any, type_: pa.DataType) -> Any:
    types = pa.types
    if value is None:
        return None
    if types.is_map(type_):
        items = value.items() if isinstance(value, dict) else value
        return sorted([[_normal(k, type_.key_type), _normal(v, type_.item_type)] for k, v in items], key=repr)
    if types.is_struct(type_):
        return {f.name: _normal(value[f.name], f.type) for f in type_}
    if types.is_list(type_) or types.is_large_list(type_):
        found = [_normal(v, type_.value_type) for v in value]
        entry = type_.value_type
        # polars has maps as lists of entries.
        if types.is_struct(entry) and [f.name for f in entry] == ["key", "value"]:
            return sorted([[e["key"], e["value"]] for e in found], key=repr)
        return found
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).isoformat(timespec="microseconds")
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return repr(value) if isinstance(value, float) else value
