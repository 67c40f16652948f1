"""Reading a CSV: what is understood, and what is refused, with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_checks.model.errors import ConfigurationError, TerminalError
from pipeline_checks.pipelines.sales.flow.reading.files import examine
from pipeline_checks.pipelines.sales.flow.reading.records import Line, Refusal, read
from pipeline_checks.pipelines.sales.flow.tables import HEADINGS
from pipeline_checks.pipelines.sales.seed.csv_file import encoded

ROW: dict[str, str | None] = {heading: str(place) for place, heading in enumerate(HEADINGS)}
HEADER = ",".join(HEADINGS)


def lines(path: Path, content: bytes, encoding: str = "utf-8") -> list[Line | Refusal]:
    path.write_bytes(content)
    return list(read(path, encoding))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sales.csv"


@pytest.mark.parametrize(
    "form",
    [
        lambda rows: encoded(rows),
        lambda rows: encoded(rows, line_end="\r\n"),
        lambda rows: encoded(rows, line_end="\r"),
        lambda rows: encoded(rows, encoding="utf-8-sig"),
        lambda rows: encoded(rows).rstrip(b"\n"),
        lambda rows: encoded(rows).replace(b"\n", b"\n\n"),
    ],
)
def test_every_form_of_lines_gives_the_same_records(path: Path, form: object) -> None:
    rows = [ROW, {**ROW, "City": None}]
    found = lines(path, form(rows))  # type: ignore[operator]
    assert [(one.number, one.values["city"], one.values["order_priority"]) for one in found] == [  # type: ignore[union-attr]
        (1, "8", "23"),
        (2, None, "23"),
    ]


def test_text_is_handed_on_as_it_stands(path: Path) -> None:
    odd = ' a "b", \r\nc\n\u2028 Łódź 🛒 '
    (found,) = lines(path, encoded([{**ROW, "City": odd}]))
    assert isinstance(found, Line) and found.values["city"] == odd


def test_columns_may_stand_in_another_order(path: Path) -> None:
    headings = list(reversed(HEADINGS))
    content = ",".join(headings) + "\n" + ",".join(str(ROW[h]) for h in headings) + "\n"
    (found,) = lines(path, content.encode())
    assert isinstance(found, Line) and found.values == {HEADINGS[h]: v for h, v in ROW.items()}


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_other_encodings_are_read_when_they_are_named(path: Path, encoding: str) -> None:
    (found,) = lines(path, encoded([{**ROW, "City": "Málaga"}], encoding=encoding), encoding)
    assert isinstance(found, Line) and found.values["city"] == "Málaga"


def _record(change: dict[str, str]) -> str:
    return ",".join(change.get(h, str(ROW[h])) for h in HEADINGS)


@pytest.mark.parametrize(
    ("record", "line", "column", "reason", "told"),
    [
        (_record({"Sales": "1\x002"}), 4, "Sales", "malformed_record", "0x00"),
        (_record({"City": "\x04"}), 4, "City", "malformed_record", "0x04"),
        (_record({"City": '"Lima'}), 4, "City", "malformed_record", "not closed"),
        (_record({"Region": '"a"b'}), 4, "Region", "malformed_record", "quotes are broken"),
        (_record({}).rpartition(",")[0], 4, "Order Priority", "missing_column", "23 of 24"),
        (_record({}) + ",more", 4, "Order Priority", "malformed_record", "25 fields"),
    ],
)
def test_a_record_that_cannot_be_read_is_located(
    path: Path, record: str, line: int, column: str, reason: str, told: str
) -> None:
    broken = _record({"City": '"Li\nma"'})
    content = f"{HEADER}\n{broken}\n{record}\n{_record({})}\n".encode()
    first, refusal, last = lines(path, content)
    assert isinstance(first, Line) and isinstance(refusal, Refusal) and isinstance(last, Line)
    assert (refusal.number, refusal.line, refusal.column, refusal.reason) == (2, line, column, reason)
    assert told in refusal.problem and refusal.raw.rstrip("\n") == record
    assert (last.number, last.line) == (3, 5)
    with pytest.raises(TerminalError, match=f"sales.csv, line {line}, column '{column}'") as caught:
        examine(path)
    assert (caught.value.data["line"], caught.value.data["column"]) == (line, column)
    examined = examine(path, on_malformed="quarantine")
    assert (examined.records, len(examined.refusals)) == (3, 1)


def test_a_byte_that_is_not_of_the_encoding_is_located(path: Path) -> None:
    content = encoded([ROW]) + _record({"City": "M@laga"}).encode().replace(b"@", b"\xe1") + b"\n"
    _, refusal = lines(path, content)
    assert isinstance(refusal, Refusal)
    assert (refusal.line, refusal.column, "0xe1" in refusal.problem) == (3, "City", True)
    assert "M\\xe1laga" in refusal.raw


@pytest.mark.parametrize(
    ("content", "column", "told"),
    [
        (b"", "Row ID", "the file is empty"),
        (HEADER.replace("Quantity,", "").encode(), "Quantity", "the column is missing"),
        (f"{HEADER},Colour\n".encode(), "Colour", "it is not known"),
        (f"{HEADER},City\n".encode(), "City", "there twice"),
        (HEADER.replace("City", "Ci\x01ty").encode(), "Ci\x01ty", "characters that no text has"),
        (HEADER.encode("utf-16"), "Row ID", "utf-16"),
    ],
)
@pytest.mark.parametrize("on_malformed", ["fail", "quarantine"])
def test_a_header_that_is_not_that_of_sales_refuses_the_file(
    path: Path, content: bytes, column: str, told: str, on_malformed: str
) -> None:
    path.write_bytes(content)
    with pytest.raises(TerminalError, match=f"line 1, column .*{told}") as caught:
        examine(path, on_malformed=on_malformed)  # type: ignore[arg-type]
    assert caught.value.data["column"] == column


def test_a_file_with_a_header_only_has_no_records(path: Path) -> None:
    path.write_bytes(encoded([]))
    assert examine(path).records == 0


def test_a_file_that_is_not_there_and_an_unknown_encoding_are_told(path: Path) -> None:
    with pytest.raises(TerminalError, match=r"sales\.csv cannot be read: No such file"):
        examine(path)
    path.write_bytes(encoded([ROW]))
    with pytest.raises(ConfigurationError, match="no encoding 'utf-9'"):
        examine(path, "utf-9")
