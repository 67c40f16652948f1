"""Which objects are files of a source, which paths Spark takes for what they name, where bad lines go."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline_checks.pipelines.ingestion.flow.engine.copies import is_plain
from pipeline_checks.pipelines.ingestion.flow.engine.errors import EngineError
from pipeline_checks.pipelines.ingestion.flow.engine.listing import is_source_key, refusal, split_path
from pipeline_checks.pipelines.ingestion.flow.engine.model import FileVersion, Store
from pipeline_checks.pipelines.ingestion.flow.engine.probing import gibibytes
from pipeline_checks.pipelines.ingestion.flow.engine.quarantine import quarantine_path

FILE = FileVersion("s3://landing/data/a.json", "e1", 3, datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("key", "pattern", "taken"),
    [
        ("data/a.json", "*.json", True),
        ("data/deep/er/a.json", "*.json", True),
        ("data/a.csv", "*.json", False),
        ("data/a.json", None, True),
        ("data/batch_1.json", "batch_[0-4].json", True),
        ("data/batch_7.json", "batch_[0-4].json", False),
        ("data/A.JSON", "*.json", False),
        ("data/", None, False),
        ("data/_quarantine/a.json.e1.ndjson", None, False),
        ("data/sub/_quarantine/x", None, False),
        ("data/_quarantine", None, True),
    ],
)
def test_the_pattern_is_a_glob_below_the_prefix(key: str, pattern: str | None, taken: bool) -> None:
    assert is_source_key(key, "data/", pattern) is taken


def test_a_path_to_one_object_is_that_object() -> None:
    assert is_source_key("data/a.json", "data/a.json", "*.json")
    assert split_path("s3a://landing/data/a\nb.json") == ("landing", "data/a\nb.json")
    with pytest.raises(EngineError, match="no path of S3"):
        split_path("file:///tmp")


@pytest.mark.parametrize("key", ["data/a.json", "a", "data/region=eu/a-b_c.1.json", "data/a@b,c+d.json"])
def test_spark_reads_a_plain_name_where_it_is(key: str) -> None:
    assert is_plain(f"s3://landing/{key}")


@pytest.mark.parametrize(
    "key",
    [
        *("data/_a.json", "data/.a.json", "_data/a.json", "data//a.json", "data/./a.json", "data/../a.json"),
        *("data/a b.json", "data/a%20b.json", "data/{a}.json", "data/[a].json", "data/a*.json", "data/a?.json"),
        *("data/ä.json", "data/a\nb.json", "data/a:b.json", "data/a\\b.json", "data/a#b.json", "data/a._COPYING_"),
    ],
)
def test_any_other_name_is_read_from_a_copy(key: str) -> None:
    assert not is_plain(f"s3://landing/{key}")


def test_bad_lines_lie_beside_the_source_and_are_no_source() -> None:
    _, key = split_path(quarantine_path(FILE))
    assert key == "data/_quarantine/a.json.e1.ndjson"
    assert not is_source_key(key, "data/", None)


@pytest.mark.parametrize(
    ("code", "of_a_file", "becomes"),
    [
        ("NoSuchKey", True, "FILE_NOT_FOUND"),
        ("404", True, "FILE_NOT_FOUND"),
        ("412", True, "FILE_CHANGED"),
        ("PreconditionFailed", True, "FILE_CHANGED"),
        ("AccessDenied", True, "SOURCE_UNAVAILABLE"),
        ("NoSuchBucket", False, "SOURCE_UNAVAILABLE"),
        ("404", False, "SOURCE_UNAVAILABLE"),
    ],
)
def test_errors_of_the_store_are_told_apart(code: str, of_a_file: bool, becomes: str) -> None:
    from botocore.exceptions import ClientError

    problem = ClientError({"Error": {"Code": code}}, "GetObject")
    assert refusal(problem, FILE if of_a_file else None, "s3://landing").error_type == becomes


def test_secrets_are_not_shown() -> None:
    assert "hidden" not in repr(Store("http://localhost", "key", "hidden"))


@pytest.mark.parametrize(("text", "size"), [("1g", 1.0), ("512m", 0.5), ("2GB", 2.0), ("1048576", 2**-10), ("?", 0.0)])
def test_sizes_of_spark_are_read(text: str, size: float) -> None:
    assert gibibytes(text) == size
