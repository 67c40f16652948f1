"""continuity: connector, slot, commits."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline_checks.checks.registry import check
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.measure import Coverage, CoverageState, Facts
from pipeline_checks.model.position import LsnPosition, VersionPosition
from pipeline_checks.model.previous import Previous, PreviousState
from pipeline_checks.model.verdict import Judgement, Verdict
from pipeline_checks_tests.unit.checks.cases import HEALTHY, change_log, connector, judge, source, stage, table, topic

COMMITS = HEALTHY["commits"]
TRACE = (
    "org.apache.kafka.connect.errors.ConnectException: gone\n\tat x\n"
    "Caused by: java.net.Refused: jdbc://me:pw@host\n\tat y"
)


def with_connector(**changes: Any) -> Judgement:
    return judge("continuity", connector(), {Facts("connector"): {**HEALTHY["connector"], **changes}})


def with_slots(*slots: dict[str, Any], **fields: Any) -> Judgement:
    return judge("continuity", connector(**fields), {Facts("slots"): list(slots)})


def slot(**changes: Any) -> dict[str, Any]:
    return {**HEALTHY["slots"][0], **changes}


def details(judgement: Judgement) -> list[tuple[str, str | None]]:
    assert judgement.verdict is (Verdict.FAIL if judgement.findings else judgement.verdict)
    return [(f.kind, f.detail) for f in judgement.findings]


def only(judgement: Judgement) -> Finding:
    (finding,) = judgement.findings
    assert judgement.verdict is Verdict.FAIL
    return finding


def test_a_running_connector_with_running_tasks_and_its_slot_passes() -> None:
    judgement = judge("continuity", connector())
    assert judgement.verdict is Verdict.PASS
    assert judgement.looked_at == {"tasks": 1}
    assert judgement.measures["retained_bytes"] == 1000


def test_a_failed_task_under_a_running_connector_fails_with_the_head_of_its_trace() -> None:
    tasks = [{"id": 0, "state": "RUNNING"}, {"id": 1, "state": "FAILED", "trace": TRACE}]
    finding = only(with_connector(tasks=tasks))
    assert (finding.kind, finding.detail, finding.seen) == ("stalled", "task_state", "FAILED")
    assert "task 1 of connector pg is FAILED: org.apache" in finding.message
    assert "Caused by: java.net.Refused" in finding.message
    assert "at x" not in finding.message
    assert "pw" not in finding.message


def test_a_connector_that_does_not_run_and_one_without_tasks_fail() -> None:
    assert details(with_connector(state="PAUSED")) == [("stalled", "connector_state")]
    assert details(with_connector(tasks=[])) == [("stalled", "too_few_tasks")]
    assert details(with_connector(expected_tasks=2)) == [("stalled", "too_few_tasks")]


def test_a_setting_that_deviates_from_the_declared_is_found_once() -> None:
    config = {**HEALTHY["connector"]["config"], "topic.prefix": "other"}
    finding = only(with_connector(config=config))
    assert (finding.kind, finding.detail, finding.expected, finding.seen) == (
        "unexpected",
        "config:topic.prefix",
        "shop",
        "other",
    )
    assert details(with_connector(config={})) == [
        ("unexpected", "config:topic.prefix"),
        ("unexpected", "config:tasks.max"),
    ]


@pytest.mark.parametrize("name", ["database.password", "ssl.key.passphrase", "sasl.jaas.config", "api_key"])
def test_secrets_of_a_configuration_are_not_shown(name: str) -> None:
    finding = only(with_connector(config={name: "tiger"}, expected_config={name: "lion"}))
    shown = str(finding.to_json())
    assert "tiger" not in shown and "lion" not in shown
    url = only(with_connector(config={"url": "pg://a:tiger@h"}, expected_config={"url": "pg://a:lion@h"}))
    assert "tiger" not in str(url.to_json()) and "lion" not in str(url.to_json())


def test_a_secret_that_the_stage_does_not_hand_out_is_no_deviation() -> None:
    masked = with_connector(config={"database.password": "***"}, expected_config={"database.password": "lion"})
    assert details(masked) == []


def test_a_setting_is_compared_as_connect_keeps_it() -> None:
    assert details(with_connector(config={"a": "true", "b": "1"}, expected_config={"a": True, "b": 1})) == []


def test_a_slot_that_is_gone_inactive_or_has_lost_its_log_is_found() -> None:
    assert details(with_slots()) == [("missing", "slot")]
    assert details(with_slots(slot(active=False))) == [("stalled", "slot_inactive")]
    assert details(with_slots(slot(active=False, wal_status="lost"))) == [("gap", "slot_lost")]


def test_a_slot_about_to_lose_its_log_warns() -> None:
    assert with_slots(slot(wal_status="unreserved")).verdict is Verdict.WARN
    limited = {"continuity": {"retained_wal": 999}}
    assert with_slots(slot(), contract=limited).verdict is Verdict.WARN


@pytest.mark.parametrize("confirmed", ["0/21", 0x21])
def test_a_slot_ahead_of_its_connector_is_a_gap(confirmed: str | int) -> None:
    finding = only(with_slots(slot(confirmed_flush_lsn=confirmed)))
    assert (finding.kind, finding.detail) == ("gap", "slot_ahead")
    assert finding.position == LsnPosition(0x20)
    assert (finding.expected, finding.seen) == ("<= 0/20", "0/21")


@pytest.mark.parametrize("offset", [{"lsn": None, "snapshot": False}, {"lsn": 1, "snapshot": True}])
def test_before_streaming_there_is_nothing_to_compare_the_slot_with(offset: dict[str, Any]) -> None:
    assert judge("continuity", connector(), {Facts("offset"): offset}).verdict is Verdict.PASS


def test_an_invalidated_slot_is_lost_for_its_reason() -> None:
    finding = only(with_slots(slot(wal_status="lost", invalidation_reason="idle_timeout")))
    assert (finding.detail, finding.seen) == ("slot_lost", "idle_timeout")
    assert "(idle_timeout)" in finding.message


def test_a_slot_that_may_soon_lose_log_warns_where_a_reserve_is_promised() -> None:
    promised = {"contract": {"continuity": {"safe_wal": 5000}}}
    assert with_slots(slot(safe_wal_size=4000), **promised).verdict is Verdict.WARN
    for enough in ({"safe_wal_size": 5000}, {"safe_wal_size": None}):
        assert with_slots(slot(**enough), **promised).verdict is Verdict.PASS
    assert with_slots(slot(safe_wal_size=4000)).verdict is Verdict.PASS


def since(slots: dict[str, Any] | None = None, offset: dict[str, Any] | None = None, **now: Any) -> Judgement:
    """Judge a slot with the changes ``now`` against what the last run was told."""
    facts = {"slots": [slot(**(slots or {}))], "offset": {"lsn": 0x20, "snapshot": False, **(offset or {})}}
    values = {Facts("slots"): [slot(**now)], Previous(): PreviousState(1, None, None, facts)}
    return judge("continuity", connector(), values)


def test_a_slot_that_went_on_since_the_last_run_passes_and_tells_whether_it_reconnected() -> None:
    judgement = since({"restart_lsn": "0/8", "total_txns": 30}, {"lsn": 0x10})
    assert judgement.verdict is Verdict.PASS
    assert judgement.measures["reconnected"] is False
    assert since(active_pid=78).measures["reconnected"] is True
    assert judge("continuity", connector()).measures["reconnected"] is None


@pytest.mark.parametrize("now", [{"total_txns": 3}, {"restart_lsn": "0/9"}])
def test_a_slot_that_was_made_anew_since_the_last_run_is_a_gap(now: dict[str, Any]) -> None:
    finding = only(since(**now))
    assert (finding.kind, finding.detail) == ("gap", "slot_recreated")
    assert "anew" in finding.message


def test_counts_of_another_server_start_and_counts_that_were_reset_tell_nothing() -> None:
    for name in ("server_started", "stats_reset"):
        changed: dict[str, Any] = {name: "2026-05-01 11:00:00+00", "total_txns": 3}
        assert since(**changed).verdict is Verdict.PASS


def test_a_slot_in_another_cluster_is_told_once_and_its_positions_are_not_compared() -> None:
    finding = only(since({"restart_lsn": "0/F0"}, {"lsn": 0xF0}, system_identifier="7002"))
    assert (finding.kind, finding.detail) == ("gap", "other_cluster")


def test_offsets_that_went_back_are_found() -> None:
    finding = only(since(offset={"lsn": 0x30}))
    assert (finding.kind, finding.detail) == ("out_of_order", "offset_went_back")
    assert (finding.expected, finding.seen) == (">= 0/30", "0/20")


def test_facts_of_an_earlier_version_tell_nothing() -> None:
    old = {"name": "shop_slot", "restart_lsn": None}
    values = {Previous(): PreviousState(1, None, None, {"slots": [old], "offset": None})}
    assert judge("continuity", connector(), values).verdict is Verdict.PASS


def test_a_second_slot_on_the_same_database_is_found_with_both_names() -> None:
    second = slot(name="shop_slot_2", expected=False)
    finding = only(with_slots(slot(), second))
    assert (finding.kind, finding.detail) == ("unexpected", "second_slot")
    assert "shop_slot_2" in finding.message and "shop_slot:" in finding.message
    assert details(with_slots(slot(), second, contract={"continuity": {"allowed_slots": ["shop_slot_2"]}})) == []


@pytest.mark.parametrize("other", [{"database": "other"}, {"plugin": "test_decoding"}, {"plugin": None}])
def test_slots_that_feed_something_else_are_fine(other: dict[str, Any]) -> None:
    assert details(with_slots(slot(), slot(name="audit", expected=False, **other))) == []


def test_where_no_slot_is_declared_the_configuration_of_the_connector_tells_which_is_its_own() -> None:
    undeclared = [slot(expected=False), slot(expected=False, name="other")]
    named = {**HEALTHY["connector"], "config": {"slot.name": "shop_slot"}, "expected_config": {}}
    values = {Facts("slots"): undeclared, Facts("connector"): named}
    assert details(judge("continuity", connector(), values)) == [("unexpected", "second_slot")]
    gone = {**values, Facts("slots"): undeclared[1:]}
    assert details(judge("continuity", connector(), gone))[0] == ("missing", "slot")


def test_of_a_connector_whose_database_is_not_declared_no_slot_is_asked_for() -> None:
    judgement = judge("continuity", connector(connection=None))
    assert judgement.verdict is Verdict.PASS
    assert "declare its connection" in judgement.message


def test_a_captured_table_must_be_published() -> None:
    declaration = connector(publication="shop_publication")
    upstream = {"pg_orders": source(table="public.orders"), "pg_items": source(name="pg_items", table="public.items")}

    def published(tables: list[str] | None) -> list[tuple[str, str | None]]:
        values = {Facts("publication"): {"shop_publication": tables}}
        return details(judge("continuity", declaration, values, upstream=upstream))

    assert published(["public.orders", "public.items", "public.more"]) == []
    assert published(["public.orders"]) == [("missing", "publication_table")]
    assert published(None) == [("missing", "publication")]


def test_a_connector_behind_the_cut_beyond_its_limit_is_stalled() -> None:
    behind = {Coverage(): CoverageState(False, 31.0, 1, 5.0, "the connector has committed 0/1")}
    assert details(judge("continuity", connector(), behind)) == [("stalled", "behind")]
    assert details(judge("continuity", connector(lag_limit=60), behind)) == []


def test_commits_that_say_what_they_cover_pass() -> None:
    judgement = judge("continuity", change_log())
    assert judgement.verdict is Verdict.PASS
    assert judgement.looked_at == {"commits": 3}


def commits(*changes: dict[str, Any]) -> dict[Any, Any]:
    """The healthy history with further commits at its end."""
    history = deepcopy(COMMITS)
    for change in changes:
        version = len(history)
        history.append({**COMMITS[-1], "version": version, "position": VersionPosition(version), **change})
    return {Facts("commits"): history}


def test_a_commit_of_another_writer_is_found_at_its_version() -> None:
    judgement = judge("continuity", table(), commits({"covers": None}, {"covers": {"shop.orders": {"0": 9}}}))
    finding = only(judgement)
    assert (finding.kind, finding.detail, finding.position) == ("unexpected", "foreign_writer", VersionPosition(3))
    assert "version 3 of orders (WRITE, " in finding.message
    assert judgement.measures["foreign_commits"] == 1


def test_a_commit_without_a_place_of_its_own_is_found_by_its_version() -> None:
    assert only(judge("continuity", table(), commits({"covers": None, "position": None}))).position == VersionPosition(
        3
    )


@pytest.mark.parametrize("harmless", [{"maintenance": "compaction"}, {"changes_data": False}])
def test_maintenance_and_commits_without_data_are_no_other_writer(harmless: dict[str, Any]) -> None:
    assert judge("continuity", table(), commits({"covers": None, **harmless})).verdict is Verdict.PASS


def test_an_acknowledged_commit_of_another_writer_is_fine() -> None:
    known = table(contract={"key": ["order_id"], "continuity": {"acknowledged": [3]}})
    assert judge("continuity", known, commits({"covers": None})).verdict is Verdict.PASS
    assert judge("continuity", known, commits({"covers": None}, {"covers": None})).verdict is Verdict.FAIL


def test_covers_that_go_back_are_found() -> None:
    finding = only(judge("continuity", table(), commits({"covers": {"shop.orders": {"0": 1}}})))
    assert (finding.kind, finding.detail, finding.expected, finding.seen) == ("out_of_order", "covers_went_back", 2, 1)
    assert judge("continuity", table(), commits({"covers": {"shop.orders": {"1": 0, "0": 2}}})).verdict is Verdict.PASS


def test_a_table_without_any_commit_proves_nothing() -> None:
    assert judge("continuity", table(), {Facts("commits"): []}).verdict is Verdict.UNSETTLED


@pytest.mark.parametrize("promise", [{"allowed_slots": "x y"}, {"retained_wal": 0}, {"slots": []}, "strict"])
def test_a_malformed_promise_is_refused(promise: object) -> None:
    with pytest.raises(ValidationError):
        check("continuity").configure(connector(contract={"continuity": promise}))


def test_continuity_is_judged_of_connectors_and_of_tables_that_say_what_they_cover() -> None:
    applies = check("continuity").applies_to
    assert applies(connector()) and applies(table()) and applies(change_log())
    assert not applies(source()) and not applies(topic())
    assert not applies(stage("delta_table")) and not applies(table(covers="none"))
