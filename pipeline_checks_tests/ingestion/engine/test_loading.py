"""Three runs: base files, evolved files, nothing new. What must be in the table then, to the row."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pipeline_checks.pipelines.ingestion.flow.engine.listing import client, split_path
from pipeline_checks.pipelines.ingestion.flow.payload import BASE_FIELDS, EVOLVED_FIELDS
from pipeline_checks_tests.ingestion.engine.loading import Loading, Run

BASE = ("batch_0.json", "batch_1.json", "batch_2.json")
EVOLVED = ("batch_3.json", "batch_4.json")


@dataclass
class Runs:
    """The runs, with the table's snapshot and columns behind each."""

    loading: Loading
    runs: list[Run]
    snapshots: list[int | None]
    columns: list[tuple[str, ...]]


@pytest.fixture(scope="module")
def three(loaded: Loading) -> Runs:
    """Load 3 base files of 1,000 records, then 2 evolved ones, then nothing."""
    found = Runs(loaded, [], [], [])
    for first, last, evolved in ((0, 3, False), (3, 5, True), (5, 5, False)):
        loaded.place.put_batches(*range(first, last), evolved=evolved)
        found.runs.append(loaded.run("*.json"))
        found.snapshots.append(loaded.state.snapshot_id)
        found.columns.append(tuple(column.name for column in loaded.state.columns))
    return found


def test_each_run_loads_what_is_new_and_nothing_else(three: Runs) -> None:
    assert [run.records for run in three.runs] == [3000, 2000, 0]
    assert [run.words for run in three.runs] == [{}, {}, {}]
    assert [run.changes for run in three.runs][::2] == [(), ()]
    assert {name for name, one in three.runs[1].loaded.items() if not one.already_written} == set(EVOLVED)
    assert all(one.already_written for one in three.runs[2].loaded.values())
    assert three.snapshots[1] == three.snapshots[2] != three.snapshots[0]


def test_new_columns_are_one_change_each_with_the_files_that_brought_them(three: Runs) -> None:
    assert [set(names) for names in three.columns] == [set(BASE_FIELDS), set(EVOLVED_FIELDS), set(EVOLVED_FIELDS)]
    brought = tuple(three.loading.place.path + name for name in EVOLVED)
    assert [(c.column_name, c.old_type, c.new_type, c.files) for c in three.runs[1].changes] == [
        ("metadata", None, "struct<browser:string,device:string,version:string>", brought),
        ("region", None, "string", brought),
    ]
    assert {c.name for c in three.runs[1].plan.columns if c.is_new} == {"metadata", "region"}


@pytest.mark.parametrize(
    ("where", "rows", "ids", "values", "of_a_type"),
    [
        ("id < 3000", 3000, 4_498_500, 47_234_250.0, 750),
        ("id >= 3000", 2000, 7_999_000, 83_989_500.0, 500),
        ("true", 5000, 12_497_500, 131_223_750.0, 1250),
    ],
)
def test_numbers_and_sums(three: Runs, where: str, rows: int, ids: int, values: float, of_a_type: int) -> None:
    of_each = [f"count_if(event_type = '{name}')" for name in ("login", "pageview", "click", "purchase")]
    found = three.loading.row(
        "count(*)", "count(DISTINCT id)", "sum(id)", "sum(value)", "count(DISTINCT user_id)", *of_each, where=where
    )
    assert found == (rows, rows, ids, values, 100, *[of_a_type] * 4)


def test_old_rows_have_no_values_in_new_columns_and_new_rows_have_all(three: Runs) -> None:
    found = three.loading.row("count(region)", "count(metadata)", "min(id)")
    assert found == (2000, 2000, 0)
    assert three.loading.row("min(id)", "max(id)", where="region IS NOT NULL AND metadata IS NOT NULL") == (3000, 4999)
    browsers = [f"count_if(metadata.browser = '{name}')" for name in ("chrome", "firefox", "safari")]
    assert sorted(three.loading.row(*browsers)) == [666, 667, 667]
    regions = ("us-east-1", "us-west-2", "eu-west-1", "ap-southeast-1")
    assert three.loading.row(*(f"count_if(region = '{name}')" for name in regions)) == (500,) * 4


def test_each_append_says_what_it_loaded(three: Runs) -> None:
    state = three.loading.state
    assert len(state.loads) == 5
    results = three.runs[0].loaded | three.runs[1].loaded
    for load in state.loads.values():
        name = load.path.removeprefix(three.loading.place.path)
        assert (load.records, load.ingestion_id) == (1000, "ing_1")
        assert load.run_id == ("run-1" if name in BASE else "run-2")
        assert load.table_uuid == state.uuid
        seen = three.runs[2].loaded[name]
        assert (seen.snapshot_id, seen.records_ingested, seen.bytes_written) == (
            load.snapshot_id,
            1000,
            load.bytes_written,
        )
    assert sum(one.records_ingested for one in results.values()) == 5000 == state.records


def test_bytes_are_those_of_the_objects(three: Runs) -> None:
    place = three.loading.place
    listed = place.client.list_objects_v2(Bucket=place.bucket, Prefix=place.prefix)["Contents"]
    assert {place.path + name: one.bytes_read for name, one in three.runs[2].loaded.items()} == {
        f"s3://{place.bucket}/{item['Key']}": item["Size"] for item in listed
    }
    bucket, prefix = split_path(three.loading.state.location)
    data = client(place.store).list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/data/")["Contents"]
    assert sum(item["Size"] for item in data) == sum(one.bytes_written for one in three.runs[2].loaded.values())
