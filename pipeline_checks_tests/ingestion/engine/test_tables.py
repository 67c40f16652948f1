"""Replacing, dropping, partitions, previews, and a cluster that is not there."""

from __future__ import annotations

import pytest

from pipeline_checks.pipelines.ingestion.flow.engine.engine import Engine
from pipeline_checks.pipelines.ingestion.flow.engine.errors import EngineError
from pipeline_checks.pipelines.ingestion.flow.engine.listing import list_files, split_path
from pipeline_checks.pipelines.ingestion.flow.engine.model import FileVersion, Format, Table
from pipeline_checks_tests.ingestion.engine.loading import Loading, lines


def replaced(loading: Loading, old: FileVersion) -> int:
    """Replace what was loaded of a file by what it holds now, and return its rows."""
    job = loading.job()
    (new,) = [file for file in list_files(job.source) if file.path == old.path]
    plan = loading.engine.plan(job, [new])
    loading.engine.evolve(plan)
    return loading.engine.replace_file(plan, new, old).records_ingested


def test_a_new_version_takes_the_place_of_the_old_one_at_one_moment(loading: Loading) -> None:
    loading.place.put("a.json", lines({"id": 1}, {"id": 2}))
    loading.place.put("b.json", lines({"id": 10}))
    loading.run()
    (old,) = list_files(loading.job("a.json").source)
    before = loading.state
    loading.place.put("a.json", lines({"id": 3, "new": "x"}))
    assert replaced(loading, old) == 1
    assert [row["id"] for row in loading.rows()] == [3, 10]
    after = loading.state
    assert after.records == 2
    assert after.loads[(old.path, old.etag, old.size)].replaced
    assert [key[0] for key, load in after.loads.items() if not load.replaced] == [
        loading.place.path + "b.json",
        old.path,
    ]
    seen = loading.spark.sql(f"SELECT snapshot_id FROM {loading.name}.history ORDER BY made_current_at").collect()
    assert [row[0] for row in seen][-2:] == [before.snapshot_id, after.snapshot_id]
    assert replaced(loading, old) == 1, "found to be there already"
    assert loading.state.snapshot_id == after.snapshot_id


def test_what_was_rewritten_or_never_loaded_is_not_replaced(loading: Loading) -> None:
    loading.place.put("a.json", lines({"id": 1}, {"id": 2}))
    loading.place.put("b.json", lines({"id": 10}))
    loading.run()
    files = {file.path.rsplit("/", 1)[-1]: file for file in list_files(loading.job().source)}
    loading.spark.sql(f"DELETE FROM {loading.name} WHERE id = 2").collect()
    snapshot = loading.state.snapshot_id
    for name, content in (("a.json", {"id": 3}), ("c.json", {"id": 4})):
        loading.place.put(name, lines(content))
        old = files.get(name) or FileVersion(loading.place.path + name, "e0", 1, files["a.json"].modified)
        with pytest.raises(EngineError) as raised:
            replaced(loading, old)
        assert raised.value.error_type == "REPLACE_NOT_POSSIBLE"
    assert loading.state.snapshot_id == snapshot
    assert [row["id"] for row in loading.rows()] == [1, 10]


def test_a_dropped_table_leaves_no_file_and_its_files_are_new_again(loading: Loading) -> None:
    loading.place.put("a.json", lines({"id": 1}))
    loading.run()
    before = loading.state
    dropped = loading.engine.drop_table(loading.table)
    bucket, prefix = split_path(before.location)
    assert (dropped.existed, dropped.orphans, dropped.files_removed > 3) == (True, (), True)
    assert loading.place.client.list_objects_v2(Bucket=bucket, Prefix=prefix)["KeyCount"] == 0
    assert loading.engine.table_state(loading.table) is None
    assert not loading.engine.drop_table(loading.table).existed
    run = loading.run()
    assert (run.records, loading.state.uuid != before.uuid) == (1, True)


def test_a_table_is_partitioned_when_it_is_made(loading: Loading) -> None:
    loading.place.put_batches(0, count=40)
    loading.partition_by = ("event_type",)
    assert loading.run().records == 40
    found = loading.spark.sql(f"SELECT partition.event_type, record_count FROM {loading.name}.partitions").collect()
    assert {row[0]: row[1] for row in found} == dict.fromkeys(("login", "pageview", "click", "purchase"), 10)
    other = Loading(type(loading.place)(loading.place.settings), loading.engine, loading.spark, ("nothing",))
    other.place.put("a.json", lines({"id": 1}))
    assert other.run().words == {"a.json": "SCHEMA_INCOMPATIBLE"}
    assert loading.engine.table_state(other.table) is None


def test_a_preview_shows_and_writes_nothing(loading: Loading) -> None:
    loading.place.put_batches(0, 1, 2, count=50)
    job = loading.job("*.json")
    found = loading.engine.preview(job.source, Format(), files=2, rows=5)
    assert (found.file_count, len(found.sample), found.sample[0][:14]) == (3, 5, '{"event_type":')
    assert found.estimated_records == pytest.approx(150, abs=3)
    assert [column.name for column in found.columns] == ["event_type", "id", "timestamp", "user_id", "value"]
    assert loading.engine.table_state(loading.table) is None
    assert loading.engine.preview(loading.job("*.csv").source, Format(), files=2, rows=5).file_count == 0


def test_the_cluster_is_asked_and_told_when_it_is_not_there(loading: Loading) -> None:
    assert loading.engine.probe().spark_version.startswith("4.")
    assert loading.engine.probe().available_memory_gb == 1.0
    with Engine("sc://127.0.0.1:9", loading.place.store, {"c": "s3a://lakehouse/w"}) as nobody:
        with pytest.raises(EngineError) as raised:
            nobody.probe()
        assert raised.value.error_type == "CLUSTER_UNAVAILABLE"
        with pytest.raises(EngineError, match="no catalog 'other'") as raised:
            nobody.table_state(Table("other", "d", "t"))
        assert raised.value.stops_the_run
