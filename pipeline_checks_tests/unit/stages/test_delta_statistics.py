"""Statistics in the log of a Delta table, as delta-rs and other writers leave them; what is missing is not guessed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable as Table
from deltalake import write_deltalake

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
from pipeline_checks.stages.delta import DeltaTable, open_stage
from pipeline_checks_tests.unit.stages.delta_tables import append

NONE = ViolationSample(0)


def pinned(path: Path) -> PinnedStage:
    stage = open_stage(DeltaTable(name="lake", path=str(path)))
    return stage.at(stage.reached().position)


def told(path: Path, *measures: Measure) -> dict[Measure, Any]:
    return {m: a.value for m, a in pinned(path).answer(frozenset(measures)).items()}


def rewrite(path: Path, change: Callable[[dict[str, Any]], None], version: int = 0) -> None:
    """Change the actions of a commit."""
    log = path / "_delta_log" / f"{version:020d}.json"
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    for action in actions:
        change(action)
    log.write_text("\n".join(json.dumps(action) for action in actions))


def without_statistics(*names: str) -> Callable[[dict[str, Any]], None]:
    def change(action: dict[str, Any]) -> None:
        if "add" in action:
            stats = json.loads(action["add"]["stats"])
            action["add"]["stats"] = json.dumps({k: v for k, v in stats.items() if k not in names})

    return change


def assert_as_rows(path: Path, measures: set[RowMeasure]) -> dict[Measure, Any]:
    """Return what the statistics tell, having asserted that the rows tell the same."""
    computed = engine("duckdb").measure(pinned(path).rows, frozenset(measures))
    answers = told(path, *measures)
    assert answers == {m: computed[m].value for m in answers}
    return answers


def test_counts_of_nulls_extremes_and_kept_ranges_come_from_the_log(tmp_path: Path) -> None:
    rows = {
        "id": pa.array([5, 7, None], pa.int64()),
        "amount": pa.array([Decimal("0.01"), Decimal("9999999999.99"), None], pa.decimal128(12, 2)),
        "day": pa.array([date(1, 1, 1), date(9999, 12, 31), None], pa.date32()),
    }
    append(tmp_path, pa.table(rows))
    append(
        tmp_path, pa.table({"id": [6], "amount": [Decimal("-1.10")], "day": [date(2026, 1, 1)]}, pa.table(rows).schema)
    )
    wanted: set[RowMeasure] = set()
    for name in rows:
        wanted |= {Minimum(name), Maximum(name), Violations(IsNull(name))}
    wanted |= {Violations(Below("id", 5), ("id",)), Violations(Above("id", 7)), Violations(Below("amount", -1.1))}
    answers = assert_as_rows(tmp_path, wanted)
    assert answers.keys() == wanted
    assert answers[Minimum("amount")] == Decimal("-1.10")


def test_times_are_cut_to_milliseconds_and_prove_ranges_only(tmp_path: Path) -> None:
    moment = datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)
    append(tmp_path, pa.table({"at": pa.array([moment], pa.timestamp("us", tz="UTC"))}))
    close = moment.replace(microsecond=123400)
    measures: set[RowMeasure] = {
        Maximum("at"),
        Violations(Above("at", close)),
        Violations(Above("at", moment.replace(microsecond=124000))),
        Violations(Below("at", moment.replace(microsecond=122000))),
    }
    assert assert_as_rows(tmp_path, measures) == {
        Violations(Above("at", moment.replace(microsecond=124000))): NONE,
        Violations(Below("at", moment.replace(microsecond=122000))): NONE,
    }


def test_times_before_the_epoch_are_cut_downwards_too(tmp_path: Path) -> None:
    moment = datetime(1969, 12, 31, 23, 59, 59, 999900)
    append(tmp_path, pa.table({"at": pa.array([moment], pa.timestamp("us"))}))
    low, high = moment.replace(microsecond=999000), datetime(1970, 1, 1)
    measures: set[RowMeasure] = {Violations(Below("at", low)), Violations(Below("at", moment)), Minimum("at")}
    assert assert_as_rows(tmp_path, {*measures, Violations(Above("at", high))}) == {
        Violations(Below("at", low)): NONE,
        Violations(Above("at", high)): NONE,
    }


def test_times_at_the_ends_of_the_calendar_are_left_open(tmp_path: Path) -> None:
    last = datetime(9999, 12, 31, 23, 59, 59, 999999)
    append(tmp_path, pa.table({"at": pa.array([datetime(1, 1, 1), last], pa.timestamp("us"))}))
    assert assert_as_rows(tmp_path, {Maximum("at"), Violations(Above("at", last)), Violations(IsNull("at"))}) == {
        Violations(IsNull("at")): NONE
    }


def test_floats_text_and_wide_decimals_are_left_open(tmp_path: Path) -> None:
    wide = pa.array([Decimal("12345678901234567890.1234567891")], pa.decimal128(38, 10))
    append(tmp_path, pa.table({"f": [float("nan")], "s": ["x" * 80], "w": wide}))
    for name in ("f", "s", "w"):
        assert told(tmp_path, Minimum(name), Maximum(name), Violations(IsNull(name))) == {
            Violations(IsNull(name)): NONE
        }
    assert told(tmp_path, Violations(Above("f", 1.0)), Violations(Above("w", 1))) == {}


def test_a_float_is_proved_to_be_above_a_limit_and_never_below_one(tmp_path: Path) -> None:
    append(tmp_path, pa.table({"f": [1.5, float("nan"), 2.5]}))
    assert told(tmp_path, Violations(Below("f", 1.5)), Violations(Above("f", 2.5))) == {
        Violations(Below("f", 1.5)): NONE
    }


def test_a_nested_column_is_not_taken_for_one_whose_name_has_a_dot(tmp_path: Path) -> None:
    append(tmp_path, pa.table({"a.b": [1, None], "a": [{"b": 5}, None], "l": [[1], None]}))
    nulls = {name: Violations(IsNull(name)) for name in ("a.b", "a", "l")}
    assert told(tmp_path, Minimum("a.b"), *nulls.values()) == {Minimum("a.b"): 1, nulls["a.b"]: ViolationSample(1)}


def test_a_partition_column_has_no_statistics(tmp_path: Path) -> None:
    rows = pa.table({"id": [1, 2], "p": pa.array([None, "x"], pa.string())})
    write_deltalake(tmp_path, rows, partition_by=["p"])
    assert told(tmp_path, Violations(IsNull("p")), Minimum("id")) == {Minimum("id"): 1}


@pytest.mark.parametrize("lost", ["numRecords", "nullCount", "minValues"])
def test_a_file_that_does_not_tell_leaves_the_whole_table_open(tmp_path: Path, lost: str) -> None:
    for start in (0, 10):
        append(tmp_path, pa.table({"id": list(range(start, start + 10))}))
    measures: set[RowMeasure] = {RowCount(), Minimum("id"), Violations(IsNull("id")), Violations(Below("id", 0))}
    assert assert_as_rows(tmp_path, measures).keys() == measures
    rewrite(tmp_path, without_statistics(lost), version=1)
    still = {
        "numRecords": set(),
        "nullCount": {RowCount()},
        "minValues": {RowCount(), Violations(IsNull("id"))},
    }[lost]
    assert assert_as_rows(tmp_path, measures).keys() == still


def test_a_file_of_nulls_needs_no_bounds(tmp_path: Path) -> None:
    append(tmp_path, pa.table({"id": pa.array([None, None], pa.int64())}))
    measures: set[RowMeasure] = {Maximum("id"), Violations(Above("id", 0)), Violations(IsNull("id"))}
    assert assert_as_rows(tmp_path, measures) == {
        Maximum("id"): None,
        Violations(Above("id", 0)): NONE,
        Violations(IsNull("id")): ViolationSample(2),
    }
    append(tmp_path, pa.table({"id": [4]}))
    assert assert_as_rows(tmp_path, measures)[Maximum("id")] == 4


def test_an_empty_table_has_neither_nulls_nor_extremes(tmp_path: Path) -> None:
    append(tmp_path, pa.table({"id": pa.array([], pa.int64())}))
    measures: set[RowMeasure] = {RowCount(), Minimum("id"), Violations(IsNull("id"), ("id",))}
    assert assert_as_rows(tmp_path, measures) == {
        RowCount(): 0,
        Minimum("id"): None,
        Violations(IsNull("id"), ("id",)): NONE,
    }


def test_a_column_that_older_files_do_not_have_is_left_open(tmp_path: Path) -> None:
    append(tmp_path, pa.table({"id": [1]}))
    write_deltalake(tmp_path, pa.table({"id": [2], "new": [5]}), mode="append", schema_mode="merge")
    assert told(tmp_path, Violations(IsNull("new")), Minimum("new"), Minimum("id")) == {Minimum("id"): 1}


def test_statistics_are_those_of_the_version(tmp_path: Path) -> None:
    append(tmp_path, pa.table({"id": list(range(10))}))
    before = pinned(tmp_path)
    Table(tmp_path).delete("id < 5")
    assert told(tmp_path, Minimum("id"), Maximum("id")) == {Minimum("id"): 5, Maximum("id"): 9}
    assert before.answer(frozenset({Minimum("id")}))[Minimum("id")].value == 0


def _with_feature(path: Path, *names: str) -> None:
    def change(action: dict[str, Any]) -> None:
        if "protocol" in action:
            features = list(names)
            action["protocol"] = {
                "minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features, "writerFeatures": features,
            }  # fmt: skip

    rewrite(path, change)


def test_type_widening_is_refused_by_name_and_its_schema_still_told(tmp_path: Path) -> None:
    append(tmp_path, pa.table({"id": [1]}))
    _with_feature(tmp_path, "typeWidening")
    stage = pinned(tmp_path)
    assert stage.schema().names == ("id",)
    with pytest.raises(TerminalError, match=r"typeWidening.*DROP FEATURE"):
        stage.rows()
    for measure in (RowCount(), Minimum("id")):
        with pytest.raises(TerminalError, match="typeWidening"):
            stage.answer(frozenset({measure}))


def test_a_feature_that_the_reader_does_not_know_is_refused_by_name(tmp_path: Path) -> None:
    append(tmp_path, pa.table({"id": [1]}))
    _with_feature(tmp_path, "featureOfTomorrow")
    with pytest.raises(TerminalError, match=r"featureOfTomorrow.*Rewrite"):
        pinned(tmp_path)


def test_a_variant_is_refused_and_the_columns_beside_it_read(tmp_path: Path) -> None:
    append(tmp_path, pa.table({"id": [1], "v": ["x"]}))

    def change(action: dict[str, Any]) -> None:
        if "metaData" in action:
            schema = json.loads(action["metaData"]["schemaString"])
            schema["fields"][1]["type"] = "variant"
            action["metaData"]["schemaString"] = json.dumps(schema)

    rewrite(tmp_path, change)
    _with_feature(tmp_path, "variantType")
    stage = pinned(tmp_path)
    for columns in (None, ["v"], ["id", "v"]):
        with pytest.raises(TerminalError, match=r"'v'.*variant.*ignore"):
            stage.rows(columns)
    assert stage.rows(["id"]).read_all().num_rows == 1  # type: ignore[union-attr]
