"""One measure that cannot be computed does not take the others of its stage with it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from deltalake import write_deltalake

from pipeline_checks.model.measure import Above, IsNull, Measured, RowCount, StageSchema, Violations
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.stages.registry import declaration_class
from pipeline_checks.verification.measuring import Measurer
from pipeline_checks.verification.options import Options
from pipeline_checks.verification.pinning import Pinner
from pipeline_checks.verification.run import run_checks
from pipeline_checks.verification.session import VerificationSession
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


def test_a_table_that_is_made_from_nothing_is_counted_against_itself_and_its_doubled_keys_are_found(
    tmp_path: Path,
) -> None:
    write_deltalake(tmp_path / "t", pa.table({"id": [1, 2, 2]}))
    stage = declaration_class("delta_table").model_validate(
        {
            "name": "t",
            "kind": "delta_table",
            "path": str(tmp_path / "t"),
            "contract": {"key": ["id"], "columns": {"id": {"type": "int64"}}},
        }
    )
    with VerificationSession(Pipeline(name="p", stages=(stage,))) as session:
        verdicts = {r.check: r for r in session.evaluate("t")}
        schema = session.result().stages[0].schema
    assert verdicts["counts"].verdict is Verdict.FAIL
    assert [f.key for f in verdicts["counts"].judgement.findings] == [{"id": 2}]
    assert schema is not None
    assert schema.names == ("id",)


def test_a_single_check_still_tells_rows_and_schema_of_its_stage(tmp_path: Path) -> None:
    write_deltalake(tmp_path / "t", pa.table({"id": [1, 2, 3]}))
    stage = declaration_class("delta_table").model_validate(
        {"name": "t", "kind": "delta_table", "path": str(tmp_path / "t"), "contract": {"key": ["id"]}}
    )
    result = run_checks(Pipeline(name="p", stages=(stage,)), checks=["duplicates"])
    assert [(c.check, c.verdict) for c in result.checks] == [("duplicates", Verdict.PASS)]
    (found,) = result.stages
    assert found.rows == Measured(3)
    assert found.schema is not None
