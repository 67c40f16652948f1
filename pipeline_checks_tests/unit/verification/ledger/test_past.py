"""What reports are made of after a run is over: the run as the ledger kept it, and the runs before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline_checks.model.cut import Cut, TransactionSnapshot
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.measure import Grade
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.reports import json, junit, markdown
from pipeline_checks.verification.ledger.ledger import Ledger
from pipeline_checks.verification.ledger.location import location
from pipeline_checks.verification.ledger.proofs import Proof
from pipeline_checks.verification.ledger.retention import KEEP_VARIABLE
from pipeline_checks_tests.unit.verification.ledger.runs import BEGUN, check, run, schema, stage

CUT = Cut(TransactionSnapshot(10, 20, frozenset({12})), 23803720, BEGUN)


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    monkeypatch.setenv(KEEP_VARIABLE, "100000d")
    with Ledger(location()) as opened:
        yield opened


def test_a_run_is_read_back_as_it_was_reported(ledger: Ledger) -> None:
    lost = Finding(
        "missing", "lake", "id 4 is missing", {"id": 4}, OffsetsPosition.of({"t": {0: 7}}), "range", 1, 0,
        {"seen_at": "api", "journey": [{"stage": "pg", "position": None, "values": None}]},
    )  # fmt: skip
    failed = check(Verdict.FAIL, findings=(lost,), findings_total=9, measures={"rows": 10, "share": 0.5})
    told = run(
        1,
        stage(9, covers=False, grade=Grade.BOUND, schema=schema(id="int64"), lag_seconds=1.5, problem="it is slow"),
        stage(None, None, name="api", kind="http_api", position=None),
        checks=(failed, check(Verdict.PASS, check="schema", measures={})),
        cut=CUT,
    )
    ledger.record(run(0, stage(10, schema=schema(id="int32"))))
    ledger.record(told)
    ledger.record(run(2, stage(11, schema=schema(id="string"))))
    found = ledger.run("run-1")
    expected = replace(told, stages=tuple(sorted(told.stages, key=lambda s: s.name)))
    assert json.document([found]) == json.document([expected])
    assert (junit.render([found]), markdown.render([found])) == (junit.render([expected]), markdown.render([expected]))
    position = found.checks[0].judgement.findings[0].position
    assert position is not None
    assert position.covers(position) is None, "what was told is compared with nothing"


def test_a_run_is_named_by_its_beginning_where_that_is_enough(ledger: Ledger) -> None:
    for number in (1, 10):
        ledger.record(run(number))
    assert ledger.run("run-10").run_id == "run-10"
    assert ledger.run("run-1").run_id == "run-1", "the whole name is one, though another begins with it"
    for beginning, said in (("run-", "several runs begin"), ("gone", "no run begins"), ("run_1", "no run begins")):
        with pytest.raises(ConfigurationError, match=said):
            ledger.run(beginning)


def test_the_newest_run_of_each_pipeline(ledger: Ledger) -> None:
    for number in (2, 1, 3):
        ledger.record(run(number))
    ledger.record(run(0, run_id="other", pipeline="pond"))
    assert ledger.newest_runs() == ["other", "run-3"]


def test_the_past_holds_the_newest_runs_up_to_an_instant(ledger: Ledger) -> None:
    for number in range(4):
        failed = (check(Verdict.FAIL, findings_total=3), check(check="schema")) if number == 1 else ()
        proof = Proof("pg", "lake", None, {"kind": "version", "value": number}, None, None, 9, "p", "i")
        ledger.record(run(number, stage(10 + number, lag_seconds=0.5), checks=failed), {}, [proof])
    ledger.record(run(1, run_id="other", pipeline="pond"))
    past = ledger.past("shop", BEGUN + timedelta(hours=2), last=2)
    assert [(r.run_id, r.findings, dict(r.checks)) for r in past.runs] == [
        ("run-1", 3, {"FAIL": 1, "PASS": 1}), ("run-2", 0, {"PASS": 1})
    ]  # fmt: skip
    assert past.series == {
        ("lake", "rows"): {"run-1": 11.0, "run-2": 12.0}, ("lake", "lag_seconds"): {"run-1": 0.5, "run-2": 0.5}
    }  # fmt: skip
    assert [p.position["value"] for p in past.proofs] == [3]
    nothing = ledger.past("gone", BEGUN)
    assert (nothing.runs, dict(nothing.series), nothing.proofs) == ((), {}, ())
