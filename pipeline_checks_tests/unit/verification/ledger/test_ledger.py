"""What is recorded can be read back; what a pipeline's data may hold cannot break it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline_checks.model.measure import Grade
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.verification.ledger import reading
from pipeline_checks.verification.ledger.ledger import Ledger
from pipeline_checks.verification.ledger.location import location
from pipeline_checks.verification.ledger.proofs import Proof
from pipeline_checks.verification.ledger.retention import KEEP_VARIABLE, STEP
from pipeline_checks.verification.ledger.tables import FACTS, FINDINGS, METADATA, RUNS, SCHEMAS
from pipeline_checks_tests.unit.verification.ledger.runs import BEGUN, check, run, schema, stage

pytestmark = pytest.mark.usefixtures("everything_is_kept")


@pytest.fixture
def everything_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEEP_VARIABLE, "100000d")


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with Ledger(location()) as opened:
        yield opened


def rows_of(ledger: Ledger, table: sa.Table) -> list[Any]:
    with ledger._database.reading() as connection:
        return list(connection.execute(sa.select(table)))


def test_of_a_stage_never_seen_nothing_is_known(ledger: Ledger) -> None:
    state = ledger.previous("shop", "lake")
    assert (state.runs, state.at, state.schema, dict(state.facts), state.rows) == (0, None, None, {}, ())
    assert ledger.measures("shop", "lake") == []
    assert ledger.stages() == []


def test_the_previous_state_is_that_of_the_last_run(ledger: Ledger) -> None:
    first, second = schema(id="int64"), schema(id="int64", amount="decimal(10,2)")
    for number, found in enumerate((first, second, second)):
        ledger.record(run(number, stage(10 + number, schema=found)), {("lake", "slots"): [{"lsn": number}]})
    state = ledger.previous("shop", "lake")
    assert state.runs == 3
    assert state.at == BEGUN + timedelta(hours=2)
    assert state.schema == second
    assert state.facts == {"slots": [{"lsn": 2}]}
    assert [(c.at, c.rows) for c in state.rows] == [(BEGUN + timedelta(hours=n), 10 + n) for n in range(3)]
    assert ledger.previous("shop", "other").runs == 0
    assert ledger.previous("other", "lake").runs == 0


def test_a_schema_is_kept_each_time_that_it_is_another(ledger: Ledger) -> None:
    one, other = schema(id="int64"), schema(id="int32")
    for number, found in enumerate((one, one, other, one, None)):
        ledger.record(run(number, stage(schema=found)))
    assert [row.run_id for row in rows_of(ledger, SCHEMAS)] == ["run-0", "run-2", "run-3"]
    assert ledger.previous("shop", "lake").schema == one


def test_counts_that_are_not_exact_or_of_no_settled_stage_are_no_history(ledger: Ledger) -> None:
    ledger.record(run(0, stage(5, grade=Grade.BOUND)))
    ledger.record(run(1, stage(6, covers=False)))
    ledger.record(run(2, stage(None)))
    ledger.record(run(3, stage(7, covers=None)))
    ledger.record(run(4, stage(8)))
    assert [c.rows for c in ledger.previous("shop", "lake").rows] == [7, 8]


def test_a_long_history_is_thinned_evenly_and_has_the_newest_count(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_COUNTS", 10)
    for number in range(21):
        ledger.record(run(number, stage(number)))
    counts = [c.rows for c in ledger.previous("shop", "lake").rows]
    assert len(counts) == 7
    assert counts[-1] == 20
    assert {b - a for a, b in itertools.pairwise(counts)} == {3}


def test_numbers_have_a_history_and_what_is_none_has_not(ledger: Ledger) -> None:
    ledger.record(run(0, stage(10, lag_seconds=0.5)))
    failed = check(Verdict.FAIL, measures={"rows": 9, "share": 0.25})
    ledger.record(run(1, stage(9), checks=(failed,)))
    told = {(m.check, m.measure): (m.runs, m.least, m.greatest, m.last) for m in ledger.measures("shop", "lake")}
    assert told == {
        ("", "rows"): (2, 9, 10, 9),
        ("", "lag_seconds"): (1, 0.5, 0.5, 0.5),
        ("counts", "rows"): (2, 9, 10, 9),
        ("counts", "share"): (2, 0.25, 0.5, 0.25),
    }
    history = ledger.history("shop", "lake", "rows", "counts")
    assert [(m.run_id, m.value, m.verdict) for m in history] == [("run-0", 10, "PASS"), ("run-1", 9, "FAIL")]
    assert [m.run_id for m in ledger.history("shop", "lake", "rows", "counts", last=1)] == ["run-1"]
    assert {m.check for m in ledger.history("shop", "lake", "rows")} == {"", "counts"}


def test_findings_are_kept_as_reports_show_them(ledger: Ledger) -> None:
    ledger.record(run(0, checks=(check(Verdict.FAIL),)))
    (row,) = rows_of(ledger, FINDINGS)
    assert (row.kind, row.blamed_stage, row.finding["key"]) == ("missing", "lake", {"id": 4})


def test_a_run_is_recorded_as_a_whole_or_not_at_all(ledger: Ledger) -> None:
    ledger.record(run(0))
    with pytest.raises(Exception, match="cannot be used"):
        ledger.record(run(0, stage(99)))
    assert [c.rows for c in ledger.previous("shop", "lake").rows] == [10]


def test_the_newest_proof_of_each_pair_is_told(ledger: Ledger) -> None:
    def proof(stage: str, version: int) -> Proof:
        position = {"kind": "version", "value": version}
        return Proof("pg", stage, None, position, {"kind": "offsets", "value": {"t": {"0": 7}}}, None, 5, "p", "i")

    ledger.record(run(0), {}, [proof("lake", 1), proof("other", 1)])
    ledger.record(run(1), {}, [proof("lake", 2)])
    assert {p.stage: p.position["value"] for p in ledger.last_proofs("shop")} == {"lake": 2, "other": 1}
    last = ledger.last_proof("shop", "pg", "lake")
    assert last is not None
    assert last.at == BEGUN + timedelta(hours=1)
    assert last.covers == {"kind": "offsets", "value": {"t": {"0": 7}}}
    assert ledger.last_proof("shop", "topic", "lake") is None


def test_what_is_older_than_is_kept_goes_in_steps_and_the_last_of_each_thing_stays(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2 * STEP):
        ledger.record(
            run(number, stage(number, schema=schema(id="int64" if number else "int32"))),
            {("lake", "slots"): number},
            [Proof("pg", "lake", None, {"kind": "version", "value": number}, None, None, 5, "p", "i")],
        )
    monkeypatch.setenv(KEEP_VARIABLE, "1h")
    left = []
    for number in range(100, 103):
        ledger.record(run(number, stage(0, name="another")))
        left.append(len(rows_of(ledger, RUNS)))
    # The runs of the test began long before one hour ago, the one just added included.
    assert left == [2 * STEP + 1 - STEP, 2 * STEP + 2 - 2 * STEP, 0]
    for table in METADATA.tables.values():
        kept = len(rows_of(ledger, table))
        assert kept == (1 if table.name in ("ledger_schemas", "ledger_facts", "ledger_verified_through") else 0), table
    assert rows_of(ledger, FACTS)[0].value == 2 * STEP - 1
    assert rows_of(ledger, SCHEMAS)[0].columns[0]["type"] == "int64"


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.integers(), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(value=ANY, text=st.text(st.characters()), number=st.integers(0, 10**12))
def test_whatever_the_data_holds_can_be_recorded(ledger: Ledger, value: Any, text: str, number: int) -> None:
    judged = check(Verdict.WARN, message=text, measures={text or "x": value, "n": number, "deep": {"a": value}})
    told = {("lake", "connector"): value} if value is not None else {}
    made = run(0, stage(problem=text), checks=(judged,), run_id=f"r{sum(1 for _ in rows_of(ledger, RUNS))}")
    ledger.record(made, told)
    assert ledger.history("shop", "lake", "n", last=1)[0].value == number


def test_no_password_and_no_endless_text_is_kept(ledger: Ledger, home_of_the_test: Path) -> None:
    secret = "could not reach postgresql://me:tiger@db/shop"
    long = "x" * 100_000
    ledger.record(run(0, stage(problem=secret), checks=(check(message=secret + long, measures={}),)))
    kept = b"".join(f.read_bytes() for f in home_of_the_test.iterdir())
    assert b"tiger" not in kept
    assert b"me:***@db" in kept
    assert len(kept) < 1_000_000
