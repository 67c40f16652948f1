"""Faults that measure how long recovering took stand in a table of their own, with what was seen of them."""

from __future__ import annotations

from dataclasses import replace

from pipeline_checks.faults.catalogue import CRASHED
from pipeline_checks.faults.expectation import Expectation
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.scenarios.matrix import render
from pipeline_checks.scenarios.outcome import Outcome, document

CRASH = Scenario("crash", "A crash", CRASHED, "kafka", ("topic",), lambda injury: Expectation())
PLAIN = Outcome(CRASH, (), "the broker was killed", verdicts=("UNSETTLED",))


def test_recovery_is_told_where_it_was_measured() -> None:
    assert "recovery_seconds" not in PLAIN.to_json()
    assert replace(PLAIN, recovery_seconds=12.3456).to_json()["recovery_seconds"] == 12.346


def test_each_fault_stands_in_one_table_of_the_matrix() -> None:
    text = render(document("shop", [PLAIN, replace(PLAIN, recovery_seconds=12.34)]))
    assert text.count("| crashed |") == 2
    unproved, _, repaired = text.partition("## Faults of the running pipeline, repaired")
    assert "UNSETTLED" in unproved
    assert "| crashed | the broker was killed | yes | 12.3 |" in repaired
