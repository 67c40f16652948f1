"""The run of scenarios on tables of the local disk: exact, not exact, not to be injected, not to be undone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline_checks.faults import catalogue
from pipeline_checks.faults.expectation import Expectation, finding
from pipeline_checks.faults.fault import Fault, Target, inject
from pipeline_checks.faults.injury import Injury, InjuryBook
from pipeline_checks.faults.lake_faults import RowFault
from pipeline_checks.faults.lake_table import lake_table
from pipeline_checks.faults.row_damage import some_rows
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.scenarios.runner import ScenarioRunner
from pipeline_checks_tests.unit.faults.stages import target

STAGES = ("delta_orders", "iceberg_orders")


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    """Both tables, in a home of their own."""
    monkeypatch.setenv("PIPELINE_CHECKS_HOME", str(tmp_path / "home"))
    target(tmp_path, "iceberg_orders")
    return target(tmp_path, "delta_orders")


def foreign(injury: Injury) -> Expectation:
    return Expectation((finding(injury.target, "continuity", "unexpected", detail="foreign_writer"),))


def doubled(injury: Injury) -> Expectation:
    twice = [
        finding(injury.target, check, "duplicate", detail="sink_rewrite", key=key)
        for check in ("counts", "duplicates")
        for key in injury.keys
    ]
    return foreign(injury).and_also(Expectation(tuple(twice)))


def scenario(fault: Fault, stage: str, expects: Callable[[Injury], Expectation] = foreign) -> Scenario:
    return Scenario(f"{fault.name}__{stage}", "", fault, stage, (stage,), expects)


def test_damages_of_two_tables_are_told_exactly_and_nothing_is_left(where: Target) -> None:
    before = [lake_table(where.pipeline.stage(s)).rows() for s in STAGES]
    said: list[str] = []
    scenarios = [
        scenario(catalogue.DOUBLED_ROWS, "delta_orders", doubled),
        scenario(catalogue.REWRITTEN, "iceberg_orders"),
    ]
    outcomes = ScenarioRunner(where.pipeline, said.append).run(scenarios)
    assert [o.differences for o in outcomes] == [(), ()]
    assert outcomes[0].found_by == ("delta_orders.counts", "delta_orders.duplicates", "delta_orders.continuity")
    assert (outcomes[0].keys, outcomes[0].keys_exact) == (2, True)
    assert sum("verifying that all is well again" in line for line in said) == 1
    assert [lake_table(where.pipeline.stage(s)).rows() for s in STAGES] == before
    assert list(InjuryBook()) == []


def test_a_round_that_was_exact_is_seen_to_be_undone_by_the_verification_of_the_next(where: Target) -> None:
    said: list[str] = []
    scenarios = [
        scenario(catalogue.REWRITTEN, "delta_orders"),
        scenario(catalogue.DOUBLED_ROWS, "delta_orders", doubled),
    ]
    outcomes = ScenarioRunner(where.pipeline, said.append).run(scenarios)
    assert [o.differences for o in outcomes] == [(), ()]
    assert [line for line in said if line.startswith("verifying that")] == [
        "verifying that all is well before the first damage",
        "verifying that all is well again",
    ]


def test_who_looks_at_some_stages_is_seen_to_be_gone_from_these_and_the_last_look_is_at_everything(
    where: Target,
) -> None:
    said: list[str] = []
    one = replace(scenario(catalogue.REWRITTEN, "delta_orders"), stages=("delta_orders",), alone=True)
    scenarios = [one, replace(one, name="again")]
    outcomes = ScenarioRunner(where.pipeline, said.append).run(scenarios)
    assert [o.differences for o in outcomes] == [(), ()]
    assert [line for line in said if line.startswith("verifying that")] == [
        "verifying that all is well before the first damage",
        "verifying that these stages are well again",
        "verifying that all is well again",
    ]


def test_what_a_round_left_behind_unseen_is_told_at_the_next_with_the_names_of_both(where: Target) -> None:
    class Careless(RowFault):
        def undo(self, target: Target, injury: Injury) -> None:
            pass

    scenarios = [
        scenario(Careless("careless", "", some_rows(1), "again"), "iceberg_orders", doubled),
        scenario(catalogue.REWRITTEN, "iceberg_orders"),
        scenario(catalogue.DOUBLED_ROWS, "iceberg_orders", doubled),
    ]
    first, second, third = ScenarioRunner(where.pipeline, lambda line: None).run(scenarios)
    assert first.exact
    assert any("iceberg_orders.counts: duplicate" in text for text in second.differences)
    assert any(text.startswith("after undoing: iceberg_orders.counts is FAIL") for text in second.differences)
    assert "(careless__iceberg_orders, rewritten__iceberg_orders) could not be undone" in third.differences[0]


def test_a_finding_that_was_not_expected_is_told_at_its_scenario_only(where: Target) -> None:
    scenarios = [
        scenario(catalogue.DOUBLED_ROWS, "delta_orders", foreign),
        scenario(catalogue.REWRITTEN, "iceberg_orders"),
    ]
    wrong, right = ScenarioRunner(where.pipeline, lambda line: None).run(scenarios)
    assert right.exact
    assert wrong.differences[0].startswith("found and not expected: delta_orders.counts: duplicate/sink_rewrite")


def test_what_is_found_outside_of_every_scenario_is_told_at_all_of_the_round(where: Target) -> None:
    stray = replace(scenario(catalogue.REWRITTEN, "iceberg_orders", lambda i: Expectation()), area=())
    other = scenario(catalogue.REWRITTEN, "delta_orders")
    found = ScenarioRunner(where.pipeline, lambda line: None).run([stray, other])
    assert all(o.differences[0].startswith("elsewhere: found and not expected: iceberg_orders") for o in found)


def test_what_is_damaged_already_is_not_damaged_again(where: Target) -> None:
    injury = inject(catalogue.LOST_ROWS, where, InjuryBook())
    with pytest.raises(TerminalError, match=f"shop is damaged already: {injury.id}"):
        ScenarioRunner(where.pipeline, lambda line: None).run([scenario(catalogue.REWRITTEN, "delta_orders")])


def test_what_is_not_well_is_not_damaged(where: Target) -> None:
    table = lake_table(where.stage)
    table.append(table.rows(), None)
    with pytest.raises(TerminalError, match=r"not well before any damage: delta_orders\.counts is FAIL"):
        ScenarioRunner(where.pipeline, lambda line: None).run([scenario(catalogue.REWRITTEN, "delta_orders")])


def test_a_damage_that_cannot_be_done_differs_and_the_others_go_on(where: Target) -> None:
    too_many = RowFault("too_many", "", some_rows(50), "gone")
    scenarios = [scenario(too_many, "delta_orders"), scenario(catalogue.REWRITTEN, "iceberg_orders")]
    lost, right = ScenarioRunner(where.pipeline, lambda line: None).run(scenarios)
    assert lost.differences[0].startswith("could not be injected: delta_orders has 10 rows")
    assert right.exact


def test_after_a_damage_that_cannot_be_undone_no_other_is_done(where: Target) -> None:
    class Lasting(RowFault):
        def undo(self, target: Target, injury: Injury) -> None:
            raise TerminalError("it stays")

    lasting = Lasting("lasting", "", some_rows(1), "again")
    scenarios = [scenario(lasting, "delta_orders", doubled), scenario(catalogue.REWRITTEN, "delta_orders")]
    first, second = ScenarioRunner(where.pipeline, lambda line: None).run(scenarios)
    assert first.differences[0] == "could not be undone: it stays"
    assert any(text.startswith("after undoing: delta_orders.counts is FAIL") for text in first.differences)
    assert second.differences[0].startswith(
        "not run: what was done before it (lasting__delta_orders) could not be undone"
    )
    assert [i.fault for i in InjuryBook()] == ["lasting"]
