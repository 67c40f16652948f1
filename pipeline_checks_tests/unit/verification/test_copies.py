"""Tables compared with the one they are copied from, which say nothing of what they have been given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import CheckResult
from pipeline_checks.model.stage import Reached, StageDeclaration
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.stages.delta import DeltaReader
from pipeline_checks.stages.registry import declaration_class
from pipeline_checks.verification.copies import Copy, original_of, settle_copy
from pipeline_checks.verification.session import VerificationSession
from pipeline_checks.verification.settle import settle_unbound

CONTRACT = {"key": ["id"], "columns": {"id": "int64", "name": "string"}}
ROWS = {1: "a", 2: "b", 3: "c"}


def declared(name: str, folder: Path, **fields: Any) -> StageDeclaration:
    stage = {"name": name, "kind": "delta_table", "path": str(folder / name), "contract": CONTRACT, **fields}
    return declaration_class("delta_table").model_validate(stage)


def write(folder: Path, name: str, rows: dict[int, str]) -> None:
    table = pa.table({"id": pa.array(list(rows), pa.int64()), "name": pa.array(list(rows.values()), pa.string())})
    write_deltalake(folder / name, table, mode="overwrite")


def pair(folder: Path, **fields: Any) -> tuple[StageDeclaration, StageDeclaration]:
    return declared("one", folder), declared("two", folder, **{"from": "one", "lag_limit": 0, **fields})


def judged(folder: Path, **fields: Any) -> dict[str, CheckResult]:
    with VerificationSession(Pipeline(name="p", stages=pair(folder, **fields))) as session:
        return {r.check: r for r in session.evaluate("two", ("counts", "reconcile", "duplicates"))}


def findings(results: dict[str, CheckResult]) -> set[tuple[str, str, Any]]:
    return {(check, f.kind, (f.key or {}).get("id")) for check, r in results.items() for f in r.judgement.findings}


def test_an_equal_copy_passes_every_check(tmp_path: Path) -> None:
    write(tmp_path, "one", ROWS)
    write(tmp_path, "two", ROWS)
    results = judged(tmp_path)
    assert {r.verdict for r in results.values()} == {Verdict.PASS}
    assert results["counts"].judgement.message == "3 rows, 3 expected by one"
    assert results["reconcile"].judgement.message == "3 rows of 2 columns compared with one, all equal"
    assert results["reconcile"].judgement.looked_at == {"rows": 3}


def test_what_stays_apart_longer_than_the_copy_may_lag_is_told_key_by_key(tmp_path: Path) -> None:
    write(tmp_path, "one", ROWS)
    write(tmp_path, "two", {2: "b", 3: "x", 4: "d"})
    results = judged(tmp_path)
    assert findings(results) == {("counts", "missing", 1), ("counts", "unexpected", 4), ("reconcile", "changed", 3)}
    (changed,) = results["reconcile"].judgement.findings
    assert (changed.stage, changed.expected, changed.seen) == ("two", {"name": "c"}, {"name": "x"})


def test_what_may_still_be_on_its_way_is_not_settled_and_accuses_no_one(tmp_path: Path) -> None:
    write(tmp_path, "one", ROWS)
    write(tmp_path, "two", {2: "b", 3: "x"})
    results = judged(tmp_path, lag_limit="1h", deadline=0.2)
    assert findings(results) == set()
    assert {results[c].verdict for c in ("counts", "reconcile")} == {Verdict.UNSETTLED}
    assert "2 keys are not yet as in one" in results["counts"].judgement.message
    assert "lag_limit allows 3600 s" in results["counts"].judgement.message


def test_an_empty_copy_of_an_empty_table_is_not_green_by_absence(tmp_path: Path) -> None:
    write(tmp_path, "one", {})
    write(tmp_path, "two", {})
    results = judged(tmp_path)
    assert results["reconcile"].verdict is not Verdict.PASS
    assert findings(results) == set()


class Later(DeltaReader):
    """A table to which something happens after it was first looked at."""

    happens: Callable[[], None] | None = None

    def reached(self) -> Reached:
        reached = super().reached()
        if self.happens is not None:
            self.happens()
            self.happens = None
        return reached


def watched(folder: Path, meanwhile: Callable[[], None], lag_limit: float, seconds: float = 30) -> Copy:
    one, two = pair(folder, lag_limit=lag_limit)
    reader, original = Later(two), DeltaReader(one)
    held = settle_unbound(one, original)
    reader.happens = meanwhile
    _, copy = settle_copy(two, reader, held, DeltaReader(one), Deadline(seconds), 0)
    assert copy is not None
    return copy


def test_a_copy_that_catches_up_is_waited_for(tmp_path: Path) -> None:
    write(tmp_path, "one", ROWS)
    write(tmp_path, "two", {1: "a"})
    copy = watched(tmp_path, lambda: write(tmp_path, "two", ROWS), lag_limit=3600)
    assert copy.settled.coverage.covers_cut is True
    assert copy.settled.position is not None
    assert copy.settled.position.value() == DeltaTable(tmp_path / "two").version() == 1
    assert (copy.keys().missing_total, copy.keys().rows, copy.rows().changed_total) == (0, 3, 0)


def test_rows_that_the_original_changes_meanwhile_are_right_when_the_copy_shows_the_new_ones(tmp_path: Path) -> None:
    write(tmp_path, "one", ROWS)
    write(tmp_path, "two", {1: "a", 2: "b", 3: "z", 4: "d"})
    copy = watched(tmp_path, lambda: write(tmp_path, "one", {1: "a", 2: "b", 3: "z", 4: "d"}), lag_limit=3600)
    assert copy.settled.coverage.covers_cut is True
    keys, rows = copy.keys(), copy.rows()
    assert (keys.missing_total, keys.unexpected_total, keys.touched_keys) == (0, 0, 0)
    assert (rows.rows, rows.changed_total, rows.touched_rows) == (4, 0, 0)


def test_of_rows_that_the_original_changes_meanwhile_nothing_else_is_said(tmp_path: Path) -> None:
    write(tmp_path, "one", ROWS)
    write(tmp_path, "two", {2: "b", 3: "c"})
    copy = watched(tmp_path, lambda: write(tmp_path, "one", {1: "new", 2: "other", 3: "c"}), lag_limit=3600)
    assert copy.settled.coverage.covers_cut is True
    keys, rows = copy.keys(), copy.rows()
    assert (keys.missing_total, keys.unexpected_total, keys.touched_keys) == (0, 0, 1)
    assert (rows.rows, rows.changed_total, rows.touched_rows) == (2, 0, 0)


def test_a_column_that_the_copy_lacks_is_told_and_the_others_are_compared(tmp_path: Path) -> None:
    write(tmp_path, "one", ROWS)
    columns = {"id": pa.array([1, 2, 3], pa.int64())}
    write_deltalake(tmp_path / "two", pa.table(columns), mode="overwrite")
    reconcile = judged(tmp_path)["reconcile"]
    assert reconcile.verdict is Verdict.WARN
    assert "column name is not compared: two has no such column" in reconcile.judgement.message
    assert (reconcile.judgement.looked_at, reconcile.judgement.measures["columns"]) == ({"rows": 3}, 1)


@pytest.mark.parametrize("mode", ["changes", "dead_letters"])
def test_a_table_of_events_is_no_copy(mode: str, tmp_path: Path) -> None:
    one, two = pair(tmp_path, mode=mode)
    assert original_of(Pipeline(name="p", stages=(one, two)), two) is None


def test_a_table_that_says_what_it_covers_is_compared_by_that(tmp_path: Path) -> None:
    one, two = pair(tmp_path, covers={"commit_metadata": "covers"})
    assert original_of(Pipeline(name="p", stages=(one, two)), two) is None


def test_a_lost_original_loses_its_copy(tmp_path: Path) -> None:
    write(tmp_path, "two", ROWS)
    results = judged(tmp_path)
    assert {r.verdict for r in results.values()} == {Verdict.ERROR}
    assert "one" in results["counts"].judgement.message
