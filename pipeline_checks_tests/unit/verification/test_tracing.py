"""What a stage has wrong because the stage before it has, is told as that one's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake

from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import CheckResult
from pipeline_checks.stages.registry import declaration_class
from pipeline_checks.verification.session import VerificationSession

CONTRACT = {
    "key": ["id"],
    "columns": {"id": "int64", "name": {"type": "string", "nullable": False}, "price": {"type": "int64", "min": 0}},
    "expressions": {"not_both": "id <> price"},
}


def evaluated(folder: Path, stages: dict[str, list[tuple[int, str | None, int]]]) -> dict[str, list[CheckResult]]:
    declared = []
    for name, rows in stages.items():
        columns: list[Any] = [list(c) for c in zip(*rows, strict=True)]
        types = (pa.int64(), pa.string(), pa.int64())
        arrays = [pa.array(c, t) for c, t in zip(columns, types, strict=True)]
        write_deltalake(folder / name, pa.table(dict(zip(("id", "name", "price"), arrays, strict=True))))
        fields = {"path": str(folder / name), "contract": CONTRACT, "lag_limit": 0}
        above = {"from": declared[-1].name} if declared else {}
        kind = {"name": name, "kind": "delta_table", **fields, **above}
        declared.append(declaration_class("delta_table").model_validate(kind))
    with VerificationSession(Pipeline(name="p", stages=tuple(declared))) as session:
        return {name: list(session.evaluate(name, ("nulls", "values", "expressions"))) for name in stages}


def blamed(results: list[CheckResult]) -> list[tuple[str, Any, str]]:
    return [(r.check, f.key, f.stage) for r in results for f in r.judgement.findings]


def test_a_value_that_was_wrong_before_is_blamed_on_the_first_stage_that_has_it(tmp_path: Path) -> None:
    rows = [(1, None, 5), (2, "b", -1), (3, "c", 3)]
    results = evaluated(tmp_path, {"one": rows, "two": rows, "three": rows})
    wanted = [("nulls", {"id": 1}, "one"), ("values", {"id": 2}, "one"), ("expressions", {"id": 3}, "one")]
    for stage in ("one", "two", "three"):
        assert blamed(results[stage]) == wanted, stage
    (null,) = results["three"][0].judgement.findings
    assert null.extra["seen_at"] == "three"
    assert null.message.endswith("- first at one")


def test_a_value_that_became_wrong_is_blamed_on_the_stage_where_it_did(tmp_path: Path) -> None:
    good, bad = [(1, "a", 5), (2, None, 4)], [(1, None, 5), (2, None, 4)]
    results = evaluated(tmp_path, {"one": good, "two": bad, "three": bad})
    assert blamed(results["two"]) == [("nulls", {"id": 1}, "two"), ("nulls", {"id": 2}, "one")]
    assert blamed(results["three"]) == [("nulls", {"id": 1}, "two"), ("nulls", {"id": 2}, "one")]
