"""Second rows of one key: the same row written twice, or different rows, told by the promised columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest

from pipeline_checks.model.contract import Contract
from pipeline_checks.model.measure import DuplicateSample
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.verification.duplicate_classes import duplicate_classes

CONTRACT = Contract.model_validate({"key": ["id"], "columns": {"id": "int64", "name": "string", "written": "int64"}})
STAGE = StageDeclaration(name="t", kind="delta_table", contract=CONTRACT, ignore=("written",))
FRAME = pl.DataFrame(
    {
        "id": [1, 1, 2, 2, 3, None, None],
        "name": ["a", "a", "a", "b", "c", None, None],
        "written": [10, 20, 10, 20, 10, 10, 10],
    }
)


class Rows:
    """Rows of a pinned stage, in one of the forms in which stages hand them out."""

    def __init__(self, form: str) -> None:
        self._form = form

    def rows(self, columns: Sequence[str] | None = None) -> Any:
        assert columns is not None
        assert "written" not in columns
        frame = FRAME.select(columns)
        if self._form == "lazy":
            return frame.lazy()
        return frame.to_arrow() if self._form == "table" else frame.to_arrow().to_reader()


@pytest.mark.parametrize("form", ["lazy", "table", "reader"])
def test_rows_that_differ_in_ignored_columns_only_were_written_twice(form: str) -> None:
    doubled = DuplicateSample(3, 3, (({"id": 1}, 2), ({"id": 2}, 2), ({"id": None}, 2)))
    found: Any = Rows(form)
    assert duplicate_classes(STAGE, found, doubled) == ("sink_rewrite", "business", "sink_rewrite")


def test_without_doubled_keys_nothing_is_read() -> None:
    nothing: Any = None
    assert duplicate_classes(STAGE, nothing, DuplicateSample(0, 0)) == ()
