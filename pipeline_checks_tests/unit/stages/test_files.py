"""Files as a stage: rows by number, a manifest that tells a change, clear errors for what cannot be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline_checks.model.contract import Contract
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.measure import Facts, RowCount, StageSchema
from pipeline_checks.stages.files import Files, open_stage
from pipeline_checks.stages.files_manifest import FilesReader

COLUMNS = {"n": "int64", "id": "string", "amount": "float64", "note": "string"}
TEXT = 'id,amount,note\n"0001",1.5,\n0002,,"a, b"\n'


def stage(path: Path, **fields: Any) -> FilesReader:
    contract = Contract.model_validate({"key": ["n"], "columns": COLUMNS})
    declared = Files.model_validate({"name": "rows", "path": str(path), "row_number": "n", **fields})
    return open_stage(declared.model_copy(update={"contract": contract}))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text(TEXT)
    return path


def test_rows_have_their_number_and_blank_text_is_no_null(file: Path) -> None:
    reader = stage(file)
    pinned = reader.at(reader.reached().position)
    assert pinned.rows().to_pylist() == [
        {"id": "0001", "amount": 1.5, "note": "", "n": 0},
        {"id": "0002", "amount": None, "note": "a, b", "n": 1},
    ]
    told = pinned.answer(frozenset({RowCount(), StageSchema()}))
    assert told[RowCount()].value == 2
    assert [f.name for f in told[StageSchema()].value.fields] == ["id", "amount", "note", "n"]


def test_the_manifest_tells_size_lines_and_digest(file: Path) -> None:
    reader = stage(file)
    reached = reader.reached()
    ((entry,),) = [m.value for m in reader.at(reached.position).answer(frozenset({Facts("files")})).values()]
    assert (entry["name"], entry["size"], entry["lines"], entry["is_ended"]) == ("rows.csv", len(TEXT), 3, True)
    assert dict(reached.position.value()) == {"rows.csv": entry["digest"]}


def test_a_changed_file_is_another_position_and_an_earlier_one_cannot_be_read_any_more(file: Path) -> None:
    reader = stage(file)
    before = reader.reached().position
    file.write_text(TEXT + "0003,2.0,\n")
    after = reader.reached().position
    assert before != after
    with pytest.raises(TerminalError, match="was changed while it was checked"):
        reader.at(before).rows()
    assert reader.at(after).rows().num_rows == 3


def test_rows_are_counted_on_through_the_files_of_a_folder(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / f"{name}.csv").write_text(f"id,amount,note\n{name},1,x\n")
    reader = stage(tmp_path, source_file="file")
    rows = reader.at(reader.reached().position).rows().to_pylist()
    assert [(r["file"], r["id"], r["n"]) for r in rows] == [("a.csv", "a", 0), ("b.csv", "b", 1)]
    assert stage(tmp_path / "b*.csv").reached().position.value().keys() == {"b.csv"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("id,amount,note\n0001,1.5\n", "Expected 3 columns, got 2"),
        ("id,amount,note\n0001,much,x\n", "conversion error"),
    ],
)
def test_what_cannot_be_read_is_told_with_file_and_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(text)
    reader = stage(path)
    with pytest.raises(TerminalError, match=f"(?s)rows.csv.*{message}"):
        reader.at(reader.reached().position).rows()


def test_no_file_is_an_error_that_says_so(tmp_path: Path) -> None:
    for path in (tmp_path / "rows.csv", tmp_path / "*.csv", tmp_path):
        with pytest.raises(TerminalError, match="there is no file"):
            stage(path).reached()


def test_files_of_different_columns_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,amount,note\na,1,x\n")
    (tmp_path / "b.csv").write_text("id,note\nb,x\n")
    reader = stage(tmp_path)
    with pytest.raises(TerminalError, match="different columns"):
        reader.at(reader.reached().position).rows()
