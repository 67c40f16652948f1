"""Lines at the borders of what is allowed, and files of forms that a reader may stumble over, each with its truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from pipeline_checks.pipelines.sales.flow.tables import HEADINGS
from pipeline_checks.pipelines.sales.seed.csv_file import encoded, write
from pipeline_checks.pipelines.sales.seed.generator import DataGenerationConfig, Row, generate, shown
from pipeline_checks.pipelines.sales.seed.truth import Fate, Truth

_LONGEST: Final = 255
_SOUND: Final[Row] = {
    "Order ID": "EDGE_SOUND",
    "Order Date": "",
    "Ship Date": "",
    "Ship Mode": "First Class",
    "Customer ID": "CUST_00001",
    "Customer Name": "Customer 1",
    "Segment": "Consumer",
    "City": "Lakewood",
    "State": "New Jersey",
    "Country": "United States",
    "Postal Code": "08701",
    "Market": "US",
    "Region": "East",
    "Product ID": "BOOKS_FICTION_001",
    "Category": "Books",
    "Sub-Category": "Fiction",
    "Product Name": "Fiction Model 100",
    "Sales": "10.00",
    "Quantity": "1",
    "Discount": "0",
    "Profit": "4.00",
    "Shipping Cost": "5.00",
    "Order Priority": "Low",
}


def edge_rows(config: DataGenerationConfig) -> list[Row]:
    """Return the three lines that the scenario of edge cases adds: all are valid."""
    sound = _sound(config)
    return [
        {**sound, "Order ID": "EDGE_LARGE_SALE", "Sales": "999999.99", "Profit": "100000.00"},
        {**sound, "Order ID": "EDGE_SMALL_SALE", "Sales": "0.01", "Profit": "0.00"},
        {**sound, "Order ID": "EDGE_LONG_TEXT", "Product Name": "P" * _LONGEST, "Customer Name": "C" * 100},
    ]


def _sound(config: DataGenerationConfig) -> Row:
    day = config.last_day - timedelta(days=1)
    return {**dict.fromkeys(HEADINGS), **_SOUND, "Order Date": shown(day), "Ship Date": shown(day + timedelta(days=2))}


@dataclass(frozen=True)
class _Case:
    """A line: what differs from a sound one, and why it is rejected, if it is."""

    name: str
    change: Mapping[str, str | None]
    reason: str = ""
    column: str = ""


_BORDERS: Final = (
    _Case("LARGEST_SALE", {"Sales": "99999999.99", "Profit": "-99999999.99"}),
    _Case("TOO_LARGE_SALE", {"Sales": "100000000.00"}, "invalid_sales", "Sales"),
    _Case("LONGEST_TEXT", {"Product Name": "P" * _LONGEST}),
    _Case("TOO_LONG_TEXT", {"Product Name": "P" * (_LONGEST + 1)}, "malformed_record", "Product Name"),
    _Case("QUANTITY_1", {"Quantity": "1"}),
    _Case("QUANTITY_10", {"Quantity": "10"}),
    _Case("DISCOUNT_0", {"Discount": "0"}),
    _Case("DISCOUNT_1", {"Discount": "1"}),
    _Case("DISCOUNT_1_SALES_0", {"Discount": "1.0", "Sales": "0.00"}, "invalid_sales", "Sales"),
    _Case("UNICODE", {"Customer Name": "Zoë Łukasz 王小明 🛒", "City": "Đà Nẵng"}),
    _Case("QUOTES", {"Customer Name": 'The "Best" Customer', "Product Name": '""'}),
    _Case("COMMA", {"Customer Name": "Doe, Jane", "Product Name": "Fiction, illustrated"}),
    _Case("LINE_BREAK", {"Product Name": "Fiction\nModel\r\n100"}),
    _Case("BLANKS", {"Customer Name": "  Jane \t  Doe ", "City": "   "}),
    _Case("LEADING_ZERO", {"Postal Code": "00501"}),
    _Case("NO_PROFIT", {"Profit": None, "Shipping Cost": None, "Customer Name": None}),
    _Case("BAD_PAIR", {"City": "London", "Country": "France"}),
)
_REJECTED: Final = (
    _Case("", {"Order ID": None}, "missing_order_id", "Order ID"),
    _Case("NO_PRODUCT", {"Product ID": "  "}, "missing_product_id", "Product ID"),
    _Case("NO_SALES", {"Sales": None}, "invalid_sales", "Sales"),
    _Case("SALES_0", {"Sales": "0"}, "invalid_sales", "Sales"),
    _Case("SALES_TEXT", {"Sales": "ten"}, "invalid_sales", "Sales"),
    _Case("SALES_3_DIGITS", {"Sales": "10.001"}, "invalid_sales", "Sales"),
    _Case("QUANTITY_HALF", {"Quantity": "1.5"}, "invalid_quantity", "Quantity"),
    _Case("QUANTITY_NEGATIVE", {"Quantity": "-1"}, "invalid_quantity", "Quantity"),
    _Case("NO_DISCOUNT", {"Discount": None}, "invalid_discount", "Discount"),
    _Case("DISCOUNT_ABOVE", {"Discount": "1.01"}, "invalid_discount", "Discount"),
    _Case("DISCOUNT_BELOW", {"Discount": "-0.01"}, "invalid_discount", "Discount"),
    _Case("NO_DATE", {"Order Date": None}, "missing_date", "Order Date"),
    _Case("NO_SUCH_DATE", {"Order Date": "02/30/2024"}, "missing_date", "Order Date"),
    _Case("OTHER_DATE", {"Order Date": "2024-02-28"}, "missing_date", "Order Date"),
    _Case("BAD_SHIP_DATE", {"Ship Date": "soon"}, "missing_date", "Ship Date"),
    _Case("SHIPPED_BEFORE", {"Ship Date": "01/01/2020"}, "date_violation", "Ship Date"),
    _Case("FUTURE", {"Order Date": "01/01/2199", "Ship Date": "01/02/2199"}, "future_order_date", "Order Date"),
    _Case("BAD_PROFIT", {"Profit": "0.001"}, "malformed_record", "Profit"),
    _Case("BAD_COST", {"Shipping Cost": "free"}, "malformed_record", "Shipping Cost"),
    _Case("BAD_ROW_ID", {"Row ID": "x"}, "malformed_record", "Row ID"),
    _Case("TWO_FAULTS", {"Sales": "-1", "Quantity": "0"}, "invalid_sales", "Sales"),
)


def _cases(config: DataGenerationConfig, prefix: str, cases: tuple[_Case, ...]) -> tuple[list[Row], Truth]:
    rows, truth, sound = [], Truth(config.seed), _sound(config)
    for number, case in enumerate(cases, 1):
        row = {**sound, "Order ID": f"{prefix}_{case.name}", "Row ID": str(number), **case.change}
        rows.append(row)
        if case.reason:
            truth.fates[number] = Fate("rejected", case.reason, HEADINGS[case.column], row[case.column])
    return rows, truth


def borders(config: DataGenerationConfig) -> tuple[list[Row], Truth]:
    """Return lines at the borders of what is allowed, on both sides of them."""
    rows, truth = _cases(config, "EDGE", _BORDERS)
    same = shown(config.last_day)
    for name, day in (("SAME_DAY", same), ("LEAP_DAY", "02/29/2024")):
        row = {**_sound(config), "Order ID": f"EDGE_{name}", "Order Date": day, "Ship Date": day}
        rows.append({**row, "Row ID": str(len(rows) + 1)})
    truth.close(rows)
    return rows, truth


def rejects(config: DataGenerationConfig) -> tuple[list[Row], Truth]:
    """Return lines for every reason for which one is rejected, then a sound one twice."""
    rows, truth = _cases(config, "REJECT", _REJECTED)
    sound = {**_sound(config), "Order ID": "REJECT_NOT"}
    rows += [{**sound, "Row ID": str(len(rows) + n)} for n in (1, 2)]
    truth.fates[len(rows)] = Fate("duplicate", "duplicate", "product_id", None, len(rows) - 1)
    truth.close(rows)
    return rows, truth


def write_edge_files(folder: Path, config: DataGenerationConfig) -> list[Path]:
    """Write the files of unusual content and form; return their paths, those first that can be sent.

    The truth of one that is refused has the outcome ``refused``, and line and column that the refusal names.
    """
    made: dict[str, tuple[bytes, dict[str, Any]]] = {}
    for name, lines in (("edge_borders", borders), ("edge_rejects", rejects)):
        rows, truth = lines(config)
        made[name] = (encoded(rows), truth.document)
    for name, form in _FORMS.items():
        few = replace(config, rows=3, error_rate=0, duplicate_rate=0, null_rate=0, first_order=_FIRST[name])
        generated = generate(few)
        made[name] = (form(generated.rows), generated.truth.document)
    none = Truth(config.seed)
    none.close([])
    made["edge_header_only"] = (encoded([]), none.document)
    made["edge_empty"] = (b"", {"outcome": "refused", "line": 1, "column": "Row ID", "counts": {"lines": 0}})
    paths = []
    for name, (content, document) in made.items():
        paths.append(folder / f"{name}.csv")
        write(paths[-1], content, document)
    return paths


_FORMS: Final[dict[str, Callable[[list[Row]], bytes]]] = {
    "edge_crlf": lambda rows: encoded(rows, line_end="\r\n"),
    "edge_bom": lambda rows: encoded(rows, encoding="utf-8-sig"),
    "edge_no_last_line_end": lambda rows: encoded(rows).rstrip(b"\n"),
    "edge_blank_lines": lambda rows: encoded(rows).replace(b"\n", b"\n\n"),
}
_FIRST: Final = {name: 99_000_000 + 100 * place for place, name in enumerate(_FORMS)}
"""First order numbers of the files of unusual form, apart from those of all others."""
