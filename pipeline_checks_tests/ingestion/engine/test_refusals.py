"""Lines and files that cannot be loaded: refused by word and line, put aside, and never a row of them by chance."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable

import pytest

from pipeline_checks.pipelines.ingestion.flow.engine.copies import FOLDER
from pipeline_checks.pipelines.ingestion.flow.engine.errors import EngineError
from pipeline_checks.pipelines.ingestion.flow.engine.listing import list_files, split_path
from pipeline_checks.pipelines.ingestion.flow.engine.model import FileVersion, Source, Store
from pipeline_checks.pipelines.ingestion.flow.payload import batch
from pipeline_checks_tests.ingestion.engine.loading import Loading, lines

BAD = {
    "cut off": b'{"id": 1',
    "behind the object": b'{"id": 1}{"id": 2}',
    "words behind": b'{"id": 1} and more',
    "no object": b"[1]",
    "null": b"null",
    "no text": b'{"id": "\xff\xfe"}',
    "not a number": b'{"id": NaN}',
    "single quotes": b"{'id': 1}",
}


def test_a_bad_line_fails_its_file_with_its_number_and_the_others_go_on(loading: Loading) -> None:
    content = batch(1, 100).splitlines()
    content[41] = content[41][:-3]
    content[77] = b"oops"
    loading.place.put_batches(0, 2, count=100)
    loading.place.put("batch_1.json", b"\n".join(content))
    run = loading.run()
    refusal = run.refused["batch_1.json"]
    assert (run.words, refusal.line, refusal.lines) == ({"batch_1.json": "MALFORMED_RECORD"}, 42, 2)
    assert (run.records, loading.row("count(*)", "count_if(id BETWEEN 100 AND 199)")) == (200, (200, 0))


def test_each_kind_of_bad_line_is_told_and_good_ones_are_none(loading: Loading) -> None:
    for number, bad in enumerate(BAD.values()):
        loading.place.put(f"{number}.json", b'\n{"id": 0}\r\n  \n' + bad + b"\n")
    loading.place.put("bom.json", b'\xef\xbb\xbf{"id": 100}\r\n\r\n{"id": 101}\r\n')
    loading.place.put("packed.json.gz", gzip.compress(b'{"id": 102}\n{"id": 103}'))
    run = loading.run()
    assert run.words == {f"{number}.json": "MALFORMED_RECORD" for number in range(len(BAD))}
    assert {(error.line, error.lines) for error in run.refused.values()} == {(4, 1)}
    assert [row["id"] for row in loading.rows()] == [100, 101, 102, 103]


def test_bad_lines_are_put_aside_with_their_numbers_and_nothing_is_lost(loading: Loading) -> None:
    content = batch(0, 100).splitlines()
    content[6] = b'{"id": "\xff"}'
    content.insert(50, b"")
    content.append(b"{\xc3\xa4")
    loading.place.put("batch_0.json", b"\n".join(content))
    loading.place.put("all_bad.json", b"oops\nagain")
    run = loading.run(bad_records="quarantine")
    one, none = run.loaded["batch_0.json"], run.loaded["all_bad.json"]
    assert run.words == {}
    assert (one.records_ingested, one.records_quarantined, len(content)) == (99, 2, 99 + 2 + 1)
    assert (none.records_ingested, none.records_quarantined, none.snapshot_id) == (0, 2, None)
    assert loading.row("count(*)", "count(DISTINCT id)", "count_if(id IS NULL)") == (99, 99, 0)
    bucket, key = split_path(one.quarantine_path or "")
    body = loading.place.client.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    assert [json.loads(line) for line in body.splitlines()] == [
        {"line": 7, "base64": "eyJpZCI6ICL/In0="},
        {"line": 102, "text": "{ä"},
    ]
    assert {name for name, found in loading.run(bad_records="quarantine").loaded.items()} == set(run.loaded)


def test_a_file_without_records_is_no_error_and_makes_nothing(loading: Loading) -> None:
    loading.place.put("empty.json", b"")
    loading.place.put("blank.json", b"\n  \n\t\n")
    run = loading.run()
    assert {name: (one.records_ingested, one.snapshot_id) for name, one in run.loaded.items()} == {
        "empty.json": (0, None),
        "blank.json": (0, None),
    }
    assert loading.engine.table_state(loading.table) is None


NAMES = (
    *("_hidden.json", ".hidden.json", "a b.json", "ä-ö.json", "per%20cent.json", "{brace}.json", "[set].json"),
    *("a*.json", "what?.json", "colon:name.json", "hash#name.json", "quote'\".json", "back\\slash.json"),
    *("key=value/part.json", "deep/er/still.json", "a._COPYING_"),
)


def test_names_that_mean_something_to_spark_are_names_like_any_other(loading: Loading) -> None:
    for number, name in enumerate(NAMES):
        loading.place.put(name, lines({"id": number}))
    run = loading.run()
    assert run.words == {}
    assert set(run.loaded) == set(NAMES)
    assert all(one.records_ingested == 1 for one in run.loaded.values())
    assert [row["id"] for row in loading.rows()] == list(range(len(NAMES)))
    assert set(loading.columns()) == {"id"}
    assert {load.path for load in loading.state.loads.values()} == {loading.place.path + name for name in NAMES}
    left = loading.place.client.list_objects_v2(Bucket=split_path(loading.state.location)[0], Prefix=f"{FOLDER}/")
    assert left["KeyCount"] == 0


@pytest.mark.parametrize(("what", "word"), [("deleted", "FILE_NOT_FOUND"), ("changed", "FILE_CHANGED")])
@pytest.mark.parametrize("name", ["b.json", pytest.param("_b.json", marks=pytest.mark.soak)])
def test_a_file_that_goes_or_changes_before_it_is_read_leaves_nothing(
    loading: Loading, what: str, word: str, name: str
) -> None:
    loading.place.put("a.json", lines({"id": 1}))
    loading.place.put(name, lines({"id": 2}))

    def disturb(file: FileVersion) -> None:
        if file.path.endswith(f"/{name}"):
            if what == "deleted":
                loading.place.remove(name)
            else:
                loading.place.put(name, lines({"id": 3}, {"id": 4}))

    run = loading.run(before=disturb)
    assert run.words == {name: word}
    assert [row["id"] for row in loading.rows()] == [1]
    assert len(loading.state.loads) == 1
    if what == "changed":
        assert loading.run().words == {}
        assert [row["id"] for row in loading.rows()] == [1, 3, 4]


def test_a_file_that_is_gone_before_the_run_looks_into_it_does_not_keep_the_others(loading: Loading) -> None:
    loading.place.put("a.json", lines({"id": 1}))
    loading.place.put("b.json", lines({"id": 2}))
    job = loading.job()
    files = list_files(job.source)
    loading.place.remove("a.json")
    plan = loading.engine.plan(job, files)
    assert {path: error.error_type for path, error in plan.refused.items()} == {files[0].path: "FILE_NOT_FOUND"}
    assert loading.engine.load_file(plan, files[1]).records_ingested == 1


def test_a_file_that_is_not_of_its_format_is_told(loading: Loading) -> None:
    loading.place.put("a.parquet", b"PAR1 but not really")
    assert loading.run(type="parquet").words == {"a.parquet": "FILE_UNREADABLE"}


@pytest.mark.parametrize(
    "store",
    [
        lambda right: Store(right.endpoint, right.access_key, "wrong"),
        lambda right: Store("http://127.0.0.1:9", right.access_key, right.secret_key),
    ],
    ids=["wrong key", "nobody there"],
)
def test_a_store_that_cannot_be_read_stops_the_run_without_a_secret(
    loading: Loading, store: Callable[[Store], Store]
) -> None:
    loading.place.put("a.json", lines({"id": 1}))
    with pytest.raises(EngineError) as raised:
        list_files(Source(loading.place.path, store(loading.place.store)))
    assert (raised.value.error_type, raised.value.stops_the_run) == ("SOURCE_UNAVAILABLE", True)
    assert loading.place.store.secret_key not in str(raised.value)
    with pytest.raises(EngineError, match="cannot be read"):
        list_files(Source(f"s3://no-such-bucket-{loading.place.name}/x", loading.place.store))
