"""Statistics in the manifests of an Iceberg table, told by field id; what is missing or not readable is not guessed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog import Catalog
from pyiceberg.conversions import to_bytes
from pyiceberg.manifest import DataFileContent, FileFormat
from pyiceberg.table import Table
from pyiceberg.types import (
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IcebergType,
    IntegerType,
    LongType,
    StringType,
    TimestampType,
)

from pipeline_checks.clients.lake import iceberg_catalog
from pipeline_checks.engines.registry import engine
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.measure import (
    Above,
    Below,
    IsNull,
    Maximum,
    Measure,
    Minimum,
    RowCount,
    RowMeasure,
    Violations,
    ViolationSample,
)
from pipeline_checks.model.stage import PinnedStage
from pipeline_checks.stages.iceberg import IcebergTable, open_stage
from pipeline_checks.stages.iceberg_files import SnapshotFiles
from pipeline_checks.stages.iceberg_statistics import IcebergStatistics

NONE = ViolationSample(0)


@dataclass
class Lake:
    """One Iceberg table in a catalog of its own."""

    folder: Path
    catalog: Catalog = field(init=False)

    def __post_init__(self) -> None:
        self.catalog = iceberg_catalog("demo", self._url, self._warehouse)
        self.catalog.create_namespace("cdc")

    @property
    def _url(self) -> str:
        return f"sqlite:///{self.folder}/catalog.db"

    @property
    def _warehouse(self) -> str:
        return f"file://{self.folder}/warehouse"

    @property
    def table(self) -> Table:
        return self.catalog.load_table("cdc.things")

    def append(self, rows: pa.Table) -> None:
        self.catalog.create_table_if_not_exists("cdc.things", rows.schema)
        self.table.append(rows)

    def pinned(self) -> PinnedStage:
        catalog = {"name": "demo", "url": self._url, "warehouse": self._warehouse}
        stage = open_stage(IcebergTable.model_validate({"name": "lake", "catalog": catalog, "table": "cdc.things"}))
        return stage.at(stage.reached().position)

    def told(self, *measures: Measure) -> dict[Measure, Any]:
        return {m: a.value for m, a in self.pinned().answer(frozenset(measures)).items()}

    def told_as_rows(self, measures: set[RowMeasure]) -> dict[Measure, Any]:
        """Return what the statistics tell, having asserted that the rows tell the same."""
        computed = engine("polars").measure(self.pinned().rows, frozenset(measures))
        answers = self.told(*measures)
        assert answers == {m: computed[m].value for m in answers}
        return answers


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    made = Lake(tmp_path)
    yield made
    made.catalog.close()  # type: ignore[attr-defined]


def test_counts_of_nulls_extremes_and_kept_ranges_come_from_the_manifests(lake: Lake) -> None:
    moment = datetime(2026, 1, 1, 0, 0, 0, 123456)
    rows = {
        "id": pa.array([5, 7, None], pa.int64()),
        "amount": pa.array([Decimal("-0.01"), Decimal("12345678901234567890.12"), None], pa.decimal128(38, 2)),
        "day": pa.array([date(1, 1, 1), date(9999, 12, 31), None], pa.date32()),
        "at": pa.array([datetime(1, 1, 1), moment, None], pa.timestamp("us")),
        "zoned": pa.array([moment.replace(tzinfo=UTC), None, None], pa.timestamp("us", tz="UTC")),
    }
    lake.append(pa.table(rows))
    wanted: set[RowMeasure] = {Violations(Below("id", 5), ("id",)), Violations(Above("at", moment))}
    for name in rows:
        wanted |= {Minimum(name), Maximum(name), Violations(IsNull(name))}
    answers = lake.told_as_rows(wanted)
    assert answers.keys() == wanted
    assert answers[Maximum("at")] == moment


def test_floats_and_text_prove_ranges_at_most(lake: Lake) -> None:
    lake.append(pa.table({"f": [1.5, float("nan")], "g": [1.5, 2.5], "s": ["x" * 80, None]}))
    measures: set[RowMeasure] = {
        *(Maximum(name) for name in ("f", "g", "s")),
        *(Violations(IsNull(name)) for name in ("f", "s")),
        Violations(Below("f", 1.5)),
        Violations(Above("f", 2.5)),
        Violations(Above("g", 2.5)),
    }
    open_ = {Maximum("f"), Maximum("g"), Maximum("s"), Violations(Above("f", 2.5))}
    assert lake.told_as_rows(measures).keys() in (measures - open_, measures - open_ - {Violations(Above("g", 2.5))})


def test_a_nested_column_is_left_open(lake: Lake) -> None:
    lake.append(pa.table({"id": [1, 2], "l": [[1], None], "t": [{"x": 1}, None]}))
    assert lake.told(Violations(IsNull("l")), Violations(IsNull("t")), Minimum("id")) == {Minimum("id"): 1}


def test_a_renamed_column_is_told_of_by_its_id_and_a_new_one_is_left_open(lake: Lake) -> None:
    lake.append(pa.table({"id": [1, 2], "a": [10, None]}))
    with lake.table.update_schema() as update:
        update.rename_column("a", "b")
    with lake.table.update_schema() as update:
        update.add_column("a", LongType())
    measures: set[RowMeasure] = {Minimum("a"), Violations(IsNull("a")), Minimum("b"), Violations(IsNull("b"))}
    assert lake.told_as_rows(measures) == {Minimum("b"): 10, Violations(IsNull("b")): ViolationSample(1)}


def test_bounds_of_a_promoted_column_are_read_in_the_type_they_were_written_in(lake: Lake) -> None:
    lake.append(pa.table({"i": pa.array([1, 2], pa.int32()), "f": pa.array([0.5, 1.5], pa.float32())}))
    with lake.table.update_schema() as update:
        update.update_column("i", LongType())
        update.update_column("f", DoubleType())
    lake.append(pa.table({"i": [2**40], "f": [1e300]}))
    measures: set[RowMeasure] = {Minimum("i"), Maximum("i"), Violations(Below("f", 0.5))}
    assert lake.told_as_rows(measures).keys() == measures


def test_a_table_without_rows_has_neither_nulls_nor_extremes(lake: Lake) -> None:
    lake.append(pa.table({"id": pa.array([], pa.int64())}))
    assert lake.told(RowCount(), Minimum("id"), Violations(IsNull("id"), ("id",))) == {
        RowCount(): 0,
        Minimum("id"): None,
        Violations(IsNull("id"), ("id",)): NONE,
    }


def test_a_table_told_to_keep_no_statistics_is_left_open(lake: Lake) -> None:
    rows = pa.table({"id": [1, 2]})
    properties = {"write.metadata.metrics.default": "none"}
    lake.catalog.create_table("cdc.things", rows.schema, properties=properties)
    lake.table.append(rows)
    assert lake.told(RowCount(), Minimum("id"), Violations(IsNull("id"))) == {RowCount(): 2}


@dataclass(frozen=True)
class File:
    """A data or delete file as the statistics see it."""

    record_count: int = 2
    null_value_counts: dict[int, int] | None = None
    nan_value_counts: dict[int, int] | None = None
    lower_bounds: dict[int, bytes] | None = None
    upper_bounds: dict[int, bytes] | None = None
    content: DataFileContent = DataFileContent.DATA
    file_format: FileFormat = FileFormat.PARQUET


def bounded(type_: IcebergType, low: Any, high: Any) -> File:
    written: Any = type_
    bounds = ({1: to_bytes(written, low)}, {1: to_bytes(written, high)})
    return File(null_value_counts={1: 0}, nan_value_counts={1: 0}, lower_bounds=bounds[0], upper_bounds=bounds[1])


def statistics(type_: IcebergType, *files: File) -> Any:
    described: Any = files
    return IcebergStatistics(described, {"c": (1, type_)}, counts_rows=True).of("c")


def test_bounds_are_the_least_and_the_greatest_of_all_files() -> None:
    found = statistics(IntegerType(), bounded(IntegerType(), 3, 9), bounded(IntegerType(), -1, 4))
    assert (found.rows, found.nulls, found.lower, found.upper, found.are_values) == (4, 0, -1, 9, True)


def test_a_file_of_nulls_needs_no_bounds_and_one_with_values_does() -> None:
    full, nulls, silent = bounded(LongType(), 3, 9), File(null_value_counts={1: 2}), File(null_value_counts={1: 1})
    assert (statistics(LongType(), full, nulls).lower, statistics(LongType(), full, nulls).nulls) == (3, 2)
    assert (statistics(LongType(), full, silent).lower, statistics(LongType(), full, silent).nulls) == (None, 1)
    assert statistics(LongType(), full, File()).nulls is None


@pytest.mark.parametrize(
    ("written", "low", "high", "now"),
    [
        (DateType(), 1, 2, TimestampType()),
        (LongType(), 1, 2, IntegerType()),
        (FloatType(), 1.0, float("nan"), FloatType()),
    ],
)
def test_bounds_that_this_type_does_not_have_are_left_out(
    written: IcebergType, low: Any, high: Any, now: IcebergType
) -> None:
    assert statistics(now, bounded(written, low, high)).lower is None


def test_text_has_no_bounds_and_decimals_have_theirs_exactly() -> None:
    assert statistics(StringType(), bounded(StringType(), "a", "b")).lower is None
    found = statistics(DecimalType(10, 2), bounded(DecimalType(10, 2), Decimal("-0.01"), Decimal("1.00")))
    assert (found.lower, found.upper) == (Decimal("-0.01"), Decimal("1.00"))


def snapshot(*files: File) -> SnapshotFiles:
    data = tuple(f for f in files if f.content == DataFileContent.DATA)
    described: Any = (data, tuple(f for f in files if f not in data))
    return SnapshotFiles(*described)


def test_equality_deletes_and_avro_are_refused_by_name() -> None:
    equality = File(content=DataFileContent.EQUALITY_DELETES)
    with pytest.raises(TerminalError, match=r"reading t: .*equality deletes.*rewrite_data_files"):
        snapshot(File(), equality).refuse_unreadable("reading t")
    for avro in (
        File(file_format=FileFormat.AVRO),
        File(2, content=DataFileContent.POSITION_DELETES, file_format=FileFormat.AVRO),
    ):
        with pytest.raises(TerminalError, match=r"AVRO.*parquet"):
            snapshot(File(), avro).refuse_unreadable("reading t")
    readable = snapshot(File(), File(3, file_format=FileFormat.ORC), File(1, content=DataFileContent.POSITION_DELETES))
    readable.refuse_unreadable("reading t")
    assert not readable.all_parquet
    assert snapshot(File()).all_parquet
