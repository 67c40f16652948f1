"""manifest: files that are whole, promised and in time; model: a file that is the one its sidecar describes."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline_checks.checks.registry import check, checks_of
from pipeline_checks.model.measure import Facts
from pipeline_checks.model.verdict import Verdict
from pipeline_checks_tests.unit.checks.linked_cases import files, judge, model, plain

FILES, MODEL = Facts("files"), Facts("model")
ENTRY: dict[str, Any] = {
    "name": "a.csv",
    "size": 100,
    "modified": "2026-05-01T11:00:00+00:00",
    "digest": "0" * 64,
    "lines": 11,
    "is_ended": True,
}


def test_files_get_the_checks_of_rows_and_their_own() -> None:
    kinds = [c.kind for c in checks_of(files())]
    assert kinds == ["counts", "schema", "duplicates", "freshness", "manifest"]
    assert not check("manifest").applies_to(plain())


def test_whole_files_pass_and_none_do_not() -> None:
    assert judge("manifest", files(), {FILES: [ENTRY]}).verdict is Verdict.PASS
    assert judge("manifest", files(), {FILES: []}).verdict is Verdict.UNSETTLED


@pytest.mark.parametrize(
    ("promise", "entries", "expected"),
    [
        ({}, [{**ENTRY, "is_ended": False}], [("gap", "truncated")]),
        ({"files": {"b.csv": {}}}, [ENTRY], [("missing", "file"), ("unexpected", "file")]),
        ({"files": {"a.csv": {"lines": 12}}}, [ENTRY], [("missing", "lines")]),
        ({"files": {"a.csv": {"lines": 10}}}, [ENTRY], [("unexpected", "lines")]),
        ({"files": {"a.csv": {"lines": 12}}}, [{**ENTRY, "is_ended": False}], [("gap", "truncated")]),
        ({"files": {"a.csv": {"sha256": "1" * 64}}}, [ENTRY], [("changed", "sha256")]),
        ({"files": {"a.csv": {"sha256": "0" * 64, "lines": 11}}}, [ENTRY], []),
        ({"arrived_within": "30m"}, [ENTRY], [("late", "arrival")]),
        ({"arrived_within": "2h"}, [ENTRY], []),
        ({}, [{**ENTRY, "modified": "2026-05-01T13:00:00+00:00"}], [("out_of_range", "future")]),
    ],
)
def test_what_is_not_as_promised_is_told(promise: Any, entries: list[Any], expected: list[tuple[str, str]]) -> None:
    judgement = judge("manifest", files({"manifest": promise}), {FILES: entries})
    assert [(f.kind, f.detail) for f in judgement.findings] == expected


LIBRARIES = {"scikit-learn": "1.9", "numpy": "2", "joblib": "1"}
SIDECAR: dict[str, Any] = {
    "model_version": "m-" + "a" * 12,
    "sha256": "a" * 64,
    "libraries": LIBRARIES,
    "metrics": {"roc_auc": 0.8},
    "training_rows": 10,
}


def test_a_model_that_its_sidecar_describes_passes() -> None:
    facts = {"sha256": "a" * 64, "sidecar": SIDECAR, "libraries": LIBRARIES}
    judgement = judge("model", model(), {MODEL: facts})
    assert (judgement.verdict, judgement.measures["roc_auc"]) == (Verdict.PASS, 0.8)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"sidecar": None}, [("missing", "sidecar")]),
        ({"sha256": "b" * 64}, [("changed", "sha256")]),
        ({"sidecar": {**SIDECAR, "model_version": "m-1"}}, [("changed", "model_version")]),
        ({"libraries": {**LIBRARIES, "numpy": "3"}}, [("changed", "library:numpy")]),
    ],
)
def test_what_does_not_agree_is_told(facts: Any, expected: list[tuple[str, str]]) -> None:
    whole = {"sha256": "a" * 64, "sidecar": SIDECAR, "libraries": LIBRARIES, **facts}
    assert [(f.kind, f.detail) for f in judge("model", model(), {MODEL: whole}).findings] == expected
