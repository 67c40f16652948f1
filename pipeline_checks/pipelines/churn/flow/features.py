"""A customer as the model sees it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline_checks.pipelines.churn.flow.names import CATEGORICAL, FEATURES, NUMERIC

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Row = list[Any]
"""The features of one customer, in the order of ``FEATURES``."""


class FeatureError(Exception):
    """A message has no features: a field is missing, or holds what no feature can be."""


def feature_row(customer: Mapping[str, Any], *, keep_blank_text: bool = False) -> Row:
    """Return the features of a customer; other fields and their order do not matter.

    A blank TotalCharges, that of a customer without a bill, is a missing value. Numbers may be text.

    Parameters
    ----------
    keep_blank_text:
        Hand blank text on as it is, on which the model fails.

    Raises
    ------
    FeatureError
        When a field is missing, a number is none, or a category is no text.

    >>> feature_row({**dict.fromkeys(FEATURES, "No"), "SeniorCitizen": 0, "tenure": 2, "MonthlyCharges": 20,
    ...     "TotalCharges": "41.5"})[:5]
    [0.0, 2.0, 20.0, 41.5, 'No']
    """
    try:
        values = [customer[name] for name in FEATURES]
    except KeyError:
        missing = [name for name in FEATURES if name not in customer]
        raise FeatureError(f"missing {', '.join(missing)}") from None
    row: Row = []
    for name, value in zip(NUMERIC, values, strict=False):
        if keep_blank_text and isinstance(value, str) and not value.strip():
            row.append(value)
        else:
            row.append(_number(name, value))
    for name, value in zip(CATEGORICAL, values[len(NUMERIC) :], strict=True):
        if value is not None and not isinstance(value, str):
            raise FeatureError(f"{name} is no text")
        row.append(math.nan if value is None else value)
    return row


def _number(name: str, value: Any) -> float:
    if isinstance(value, str):
        if name == "TotalCharges" and not value.strip():
            return math.nan
        try:
            number = float(value)
        except ValueError:
            raise FeatureError(f"{name} is not a number: {value[:40]!r}") from None
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
    else:
        raise FeatureError(f"{name} is not a number: {type(value).__name__}")
    if not math.isfinite(number):
        raise FeatureError(f"{name} is not a number: {value!r}")
    return number


def matrix(rows: Sequence[Row]) -> NDArray[np.object_]:
    """Return the rows as the array that the model takes."""
    import numpy as np

    filled = np.empty((len(rows), len(FEATURES)), dtype=object)
    for number, row in enumerate(rows):
        filled[number, :] = row
    return filled
