"""Customers as they stand in the CSV, with the types that they are published with."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

Customer = dict[str, Any]

_INTEGERS: Final = ("SeniorCitizen", "tenure")
_NUMBERS: Final = ("MonthlyCharges",)


def read_customers(path: Path, first: int = 0) -> Iterator[tuple[int, Customer]]:
    """Yield data row (counted from 0) and customer, beginning with the row ``first``.

    Numbers are numbers but for TotalCharges, which is text there; what is none stays the text it is. An empty field
    is None. Raises FileNotFoundError, and ValueError when the file has no header.
    """
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if not reader.fieldnames:
            raise ValueError(f"{path} has no header")
        for number, row in enumerate(reader):
            if number >= first:
                yield number, typed(row)


def typed(row: dict[str, Any]) -> Customer:
    """Return a row with the types of its fields.

    >>> typed({"tenure": "12", "MonthlyCharges": "70.35", "TotalCharges": " ", "Churn": "", "SeniorCitizen": "x"})
    {'tenure': 12, 'MonthlyCharges': 70.35, 'TotalCharges': ' ', 'Churn': None, 'SeniorCitizen': 'x'}
    """
    customer: Customer = {name: value if value != "" else None for name, value in row.items()}
    for names, kind in ((_INTEGERS, int), (_NUMBERS, float)):
        for name in names:
            value = customer.get(name)
            if value is None:
                continue
            try:
                customer[name] = kind(value)
            except ValueError:
                pass  # told by the validation, with the text as it stands
    return customer
