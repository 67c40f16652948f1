"""freshness: by the clock at the source, by the cut behind it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline_checks.checks.registry import check
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.measure import Coverage, CoverageState, Grade, Maximum, Measured
from pipeline_checks.model.verdict import Judgement, Verdict
from pipeline_checks_tests.unit.checks.cases import BEHIND, NOW, ORDERS, UNKNOWN, connector, judge, source, table

NEWEST = Maximum("updated_at")
TEN_MINUTES = {**ORDERS, "freshness": {"within": "10m", "skew": "1m"}}


def at_source(newest: Any, contract: dict[str, Any] = TEN_MINUTES) -> Judgement:
    return judge("freshness", source(contract=contract), {NEWEST: newest})


@pytest.mark.parametrize(
    "newest",
    [
        NOW - timedelta(minutes=9),
        NOW + timedelta(seconds=59),
        (NOW - timedelta(minutes=9)).replace(tzinfo=None),
        (NOW - timedelta(minutes=9)).astimezone(timezone(timedelta(hours=5))),
        (NOW - timedelta(minutes=9)).isoformat(),
    ],
)
def test_a_source_with_young_data_passes(newest: Any) -> None:
    judgement = at_source(newest)
    assert judgement.verdict is Verdict.PASS
    assert judgement.looked_at == {"rows": 10}
    assert judgement.measures["lag_seconds"] == 0.0


def test_a_source_whose_newest_event_is_too_old_is_late() -> None:
    judgement = at_source(NOW - timedelta(minutes=11))
    assert judgement.verdict is Verdict.FAIL
    assert [(f.kind, f.detail, f.stage) for f in judgement.findings] == [("late", "too_old", "orders")]
    assert judgement.measures["age_seconds"] == 660.0


def test_an_event_from_the_future_is_out_of_range() -> None:
    judgement = at_source(NOW + timedelta(seconds=61))
    assert [(f.kind, f.detail) for f in judgement.findings] == [("out_of_range", "future")]
    assert judgement.verdict is Verdict.FAIL
    allowed_by_default = {**ORDERS, "freshness": None}
    assert at_source(NOW + timedelta(minutes=4), allowed_by_default).verdict is Verdict.PASS
    assert at_source(NOW + timedelta(minutes=6), allowed_by_default).verdict is Verdict.FAIL


def test_a_source_without_a_limit_passes_and_says_so() -> None:
    judgement = at_source(NOW - timedelta(days=400), ORDERS)
    assert judgement.verdict is Verdict.PASS
    assert "no limit is declared" in judgement.message
    without_time = judge("freshness", source(contract={"key": ["order_id"]}))
    assert without_time.verdict is Verdict.PASS


def test_a_limit_that_could_not_be_judged_does_not_pass() -> None:
    assert at_source(None).verdict is Verdict.WARN
    assert at_source(Measured(NOW, Grade.BOUND)).verdict is Verdict.WARN


def test_a_date_is_its_midnight() -> None:
    within_a_day = {**ORDERS, "freshness": {"within": "13h"}}
    assert at_source(date(2026, 5, 1), within_a_day).verdict is Verdict.PASS
    assert at_source(date(2026, 4, 30), within_a_day).verdict is Verdict.FAIL


def test_a_column_that_holds_no_times_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="holds int"):
        at_source(17)


def test_a_source_without_rows_proves_nothing_unless_it_may_be_empty() -> None:
    assert judge("freshness", source(contract=TEN_MINUTES), rows=0).verdict is Verdict.UNSETTLED
    assert judge("freshness", source(may_be_empty=True), rows=0).verdict is Verdict.PASS


def test_a_stage_that_holds_all_of_the_cut_passes_however_old_its_data() -> None:
    judgement = judge("freshness", table(contract=TEN_MINUTES), {NEWEST: datetime(2020, 1, 1, tzinfo=UTC)})
    assert judgement.verdict is Verdict.PASS
    assert judgement.measures["lag_seconds"] == 0.0
    assert judgement.measures["newest_event_time"] == "2020-01-01T00:00:00+00:00"
    assert judgement.looked_at == {"rows": 10, "events": 10}


def test_a_stage_behind_the_cut_within_its_limit_is_unsettled() -> None:
    judgement = judge("freshness", table(), {Coverage(): BEHIND})
    assert judgement.verdict is Verdict.UNSETTLED
    assert judgement.findings == ()
    assert BEHIND.reason in judgement.message


def test_a_stage_behind_the_cut_beyond_its_lag_limit_is_stalled() -> None:
    judgement = judge("freshness", table(lag_limit=3), {Coverage(): BEHIND})
    assert judgement.verdict is Verdict.FAIL
    assert [(f.kind, f.expected, f.seen) for f in judgement.findings] == [("stalled", 3.0, 4.0)]
    assert BEHIND.reason in judgement.message


def test_a_stage_behind_the_cut_beyond_the_declared_limit_is_late() -> None:
    declaration = table(contract={**ORDERS, "freshness": {"within": "2s"}})
    judgement = judge("freshness", declaration, {Coverage(): BEHIND})
    assert [(f.kind, f.expected) for f in judgement.findings] == [("late", 2.0)]


def test_a_stage_behind_by_an_unknown_time_is_unsettled() -> None:
    unknown_lag = CoverageState(False, None, 10, 5.0, "behind")
    assert judge("freshness", table(lag_limit=0), {Coverage(): unknown_lag}).verdict is Verdict.UNSETTLED


def test_a_stage_that_cannot_say_what_it_covers_does_not_pass() -> None:
    judgement = judge("freshness", table(), {Coverage(): UNKNOWN})
    assert judgement.verdict is Verdict.WARN
    assert UNKNOWN.reason in judgement.message


def test_a_stage_behind_the_source_that_was_given_nothing_proves_nothing_unless_it_may_be_empty() -> None:
    nothing = {Coverage(): CoverageState(True, 0.0, 0)}
    assert judge("freshness", table(), nothing, rows=0).verdict is Verdict.UNSETTLED
    assert judge("freshness", table(may_be_empty=True), nothing, rows=0).verdict is Verdict.PASS


@pytest.mark.parametrize("promise", [{"within": "soon"}, {"within": 0}, {"skew": -1}, {"limit": "5m"}, "10m"])
def test_a_malformed_promise_is_refused(promise: object) -> None:
    with pytest.raises(ValidationError):
        check("freshness").configure(source(contract={**ORDERS, "freshness": promise}))


def test_a_limit_without_an_event_time_is_refused_at_the_source_only() -> None:
    contract = {"key": ["order_id"], "freshness": {"within": "10m"}}
    with pytest.raises(ConfigurationError, match="no event time") as refused:
        check("freshness").configure(source(contract=contract))
    assert refused.value.data["path"] == ("freshness", "within")
    check("freshness").configure(table(contract=contract))


def test_a_service_has_no_data_to_be_fresh() -> None:
    assert not check("freshness").applies_to(connector())
