"""One measure that cannot be computed does not take the others of its stage with it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from deltalake import write_deltalake

from pipeline_checks.model.measure import Above, IsNull, Measured, RowCount, StageSchema, Violations
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.stages.registry import declaration_class
from pipeline_checks.verification.measuring import Measurer
from pipeline_checks.verification.options import Options
from pipeline_checks.verification.pinning import Pinner
from pipeline_checks.verification.settle import settle_unbound


def test_a_column_that_is_not_there_is_the_failure_of_its_own_measure_only(tmp_path: Path) -> None:
    write_deltalake(tmp_path / "t", pa.table({"id": [1, 2, 3], "n": [5, None, 7]}))
    stage = declaration_class("delta_table").model_validate(
        {"name": "t", "kind": "delta_table", "path": str(tmp_path / "t")}
    )
    pipeline = Pipeline(name="p", stages=(stage,))
    pinner = Pinner(pipeline, Options())
    lost = Violations(Above("no_such_column", 1), ("id",))
    nulls = Violations(IsNull("n"), ("id",))
    measures = frozenset({RowCount(), StageSchema(), nulls, lost})
    values = Measurer(pipeline, pinner).measure(settle_unbound(stage, pinner.reader(stage)), measures)
    assert isinstance(values[lost], Exception)
    found = values[nulls]
    assert isinstance(found, Measured)
    assert found.value.rows == (({"id": 2}, None),)
    count = values[RowCount()]
    assert isinstance(count, Measured)
    assert count.value == 3
