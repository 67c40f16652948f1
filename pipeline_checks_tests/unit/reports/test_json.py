"""The JSON of results, by the names that other programs read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from pipeline_checks.model.result import RunResult
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.reports.json import document, render
from pipeline_checks_tests.unit.reports.results import HOSTILE, checked, missing, run


def read_back(*results: RunResult) -> Any:
    text = render(results)
    assert text.endswith("\n")
    read = json.loads(text.encode("utf-8"))
    assert read == json.loads(json.dumps(document(results)))
    return read


def test_the_document_has_the_names_of_the_contract() -> None:
    read = read_back(run())
    assert list(read) == [
        "schema_version", "run_id", "pipeline", "verdict", "started_at", "seconds", "cut", "stages", "checks",
    ]  # fmt: skip
    assert (read["schema_version"], read["run_id"], read["pipeline"], read["verdict"]) == (1, "r1", "shop", "FAIL")
    assert read["cut"] == {
        "kind": "postgres_snapshot",
        "lsn": "0/16B3748",
        "snapshot": "10:20:12",
        "taken_at": "2026-05-01T12:00:00+00:00",
    }


def test_stages_have_position_covers_rows_and_schema() -> None:
    source, topic, delta, api = read_back(run())["stages"]
    assert set(source) >= {"name", "kind", "position", "covers_cut", "rows", "schema"}
    assert source["position"] == {"kind": "lsn", "value": "0/16B3748"}
    assert source["schema"] == [{"name": "order_id", "type": "int64", "nullable": False, "id": "1"}]
    assert topic["position"] == {"kind": "offsets", "value": {"shop.orders": {"0": 7}}}
    assert topic["rows"] == {"value": 31, "grade": "bound"}
    assert (delta["position"], delta["covers_cut"]) == ({"kind": "version", "value": 57}, False)
    assert (api["position"], api["covers_cut"], api["rows"], api["schema"]) == (None, None, None, [])


def test_checks_have_verdict_message_measures_and_findings() -> None:
    checks = read_back(run())["checks"]
    assert [c["verdict"] for c in checks] == ["PASS", "WARN", "FAIL", "UNSETTLED", "ERROR"]
    failed = checks[2]
    assert set(failed) == {
        "stage", "check", "verdict", "message", "looked_at", "measures", "findings", "findings_total", "seconds",
    }  # fmt: skip
    assert failed["looked_at"] == {"rows": 10}
    assert failed["findings_total"] == 1
    assert failed["findings"] == [
        {
            "kind": "missing",
            "key": {"order_id": 4},
            "stage": "delta_orders",
            "position": {"kind": "version", "value": 57},
            "expected": 1,
            "seen": 0,
            "message": "order_id 4 is missing from delta_orders",
        }
    ]


def test_several_pipelines_stand_in_one_document() -> None:
    read = read_back(run(checked(Verdict.PASS), pipeline="a"), run(checked(Verdict.UNSETTLED), pipeline="b"))
    assert list(read) == ["schema_version", "verdict", "pipelines"]
    assert read["verdict"] == "UNSETTLED"
    assert [p["pipeline"] for p in read["pipelines"]] == ["a", "b"]


def test_no_pipeline_at_all_is_an_error_never_a_pass() -> None:
    assert read_back() == {"schema_version": 1, "verdict": "ERROR", "pipelines": []}


def test_a_run_without_a_cut_has_none() -> None:
    assert read_back(run(cut=None))["cut"] is None


def test_values_that_json_has_not_are_text() -> None:
    keys = [Decimal("1.50"), datetime(2026, 5, 1, tzinfo=UTC), UUID(int=7), b"\x00\xff", 2**70, "\ud800", "ä"]
    findings = tuple(missing(key) for key in keys)
    read = read_back(run(checked(Verdict.FAIL, findings=findings)))["checks"][0]
    assert [f["key"]["order_id"] for f in read["findings"]] == [
        "1.50",
        "2026-05-01T00:00:00+00:00",
        "00000000-0000-0000-0000-000000000007",
        "AP8=",
        2**70,
        "\ud800",
        "ä",
    ]
    assert read["measures"] == {"rows": 10, "amount": "1.50", "ratio": "NaN"}


def test_no_password_stands_in_a_message_and_keys_are_left_as_they_are() -> None:
    read = read_back(run(checked(Verdict.FAIL, HOSTILE, (missing("a|b\nc", HOSTILE),))))["checks"][0]
    assert "tiger" not in read["message"] + read["findings"][0]["message"]
    assert read["findings"][0]["key"] == {"order_id": "a|b\nc"}
