"""``init`` without services: what it refuses before it asks anything, and a lake in a folder."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from pipeline_checks.cli import exits
from pipeline_checks.cli.main import run


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ([], "nothing was found to propose"),
        (["--name", "a b"], "'a b' cannot be the name of a pipeline"),
        (["--name", "cdc"], "there is a pipeline 'cdc' already"),
        (["--postgres", "postgresql://me:geheim@db/shop"], "--postgres takes the name of an environment variable"),
        (["--iceberg", "c:t", "--iceberg-url", "postgresql://me:geheim@db/c"], "--iceberg-url takes the name"),
        (["--iceberg", "c:t"], "where the catalog of c:t is was not said"),
        (["--delta", "nowhere"], "there is no Delta table at nowhere"),
        (["--kafka", "NO_SUCH_VARIABLE"], "NO_SUCH_VARIABLE is not set"),
    ],
)
def test_what_cannot_be_asked_is_told_and_nothing_written(
    asked: list[str], said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["init", "--name", "shop", *asked]) == exits.USAGE
    told = capsys.readouterr()
    assert said in told.err
    assert "geheim" not in told.err + told.out
    assert not (folder / "defs").exists()


def test_a_lake_in_a_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = {"order_id": pa.array([1, 2, 3], pa.int64()), "id": pa.array([7, 7, 8], pa.int64())}
    write_deltalake(folder / "lake" / "orders", pa.table(rows))
    (folder / "lake" / "notes").mkdir()
    assert run(["init", "--name", "shop", "--delta", "lake", "--print"]) == exits.PASSED
    out = capsys.readouterr().out
    assert "key: [order_id]  # by its name; no key is doubled among 3 rows" in out
    assert "# id was not taken as the key: 1 key with more than one row, 1 row too many" in out
    assert run(["init", "--name", "shop", "--delta", "lake", "--no-check", "--project", "."]) == exits.PASSED
    assert "key: [id]  # by its name\n" in (folder / "defs" / "shop" / "defs.yaml").read_text()
