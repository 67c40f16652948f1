"""Which trades a table holds: as runs, and as a set of numbers would."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_checks.pipelines.market_data.flow.table.seen import DAY, Runs, Seen

NUMBERS = st.lists(st.integers(min_value=1, max_value=40), max_size=60)


@settings(max_examples=60, deadline=None)
@given(NUMBERS, NUMBERS)
def test_runs_are_a_set(first: list[int], later: list[int]) -> None:
    runs, model = Runs(np.array(first, dtype=np.int64)), set(first)
    for number in later:
        assert runs.add(number) == (number not in model)
        model.add(number)
    assert {n for n in range(45) if n in runs} == model and len(runs) == len(model)
    assert runs.last == max(model, default=None)


def test_a_day_is_read_once_and_its_trades_are_known() -> None:
    read: list[int] = []

    def rows(day: int) -> pa.Table:
        read.append(day)
        numbers = [1, 2, 3, 1] if day == 5 else []
        symbols = ["A", "A", "A", "B"] if day == 5 else []
        return pa.table(
            {
                "exchange": pa.array(["X"] * len(numbers), pa.string()),
                "symbol": pa.array(symbols, pa.string()),
                "source_sequence": pa.array(numbers, pa.int64()),
            }
        )

    seen = Seen(rows)
    at = 5 * DAY + 17
    assert [seen.take("X", s, n, at) for s, n in (("A", 3), ("A", 4), ("A", 4), ("B", 2), ("C", 1))] == [
        False,
        True,
        False,
        True,
        True,
    ]
    assert seen.take("X", "A", 3, 6 * DAY) and read == [5, 6]
    assert seen.last("X", "A", at) == 4 and seen.last("X", "Z", at) is None
    seen.forget()
    assert seen.take("X", "A", 4, at) and read == [5, 6, 5]
