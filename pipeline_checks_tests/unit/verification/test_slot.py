"""A topic without a connector stage is settled by its replication slot."""

from __future__ import annotations

import pytest

from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.verification.slot import choose_slot, wait_for_slot
from pipeline_checks_tests.unit.verification.events import cut_before

SLOTS = [{"name": "a", "plugin": "pgoutput", "confirmed_flush_lsn": "0/2711"}, {"name": "standby", "plugin": None}]


def test_the_only_logical_slot_is_taken_and_a_named_one_must_exist() -> None:
    assert choose_slot(SLOTS, None, "t")["name"] == "a"
    with pytest.raises(ConfigurationError, match="logical slots there: a"):
        choose_slot(SLOTS, "b", "t")
    with pytest.raises(ConfigurationError, match="which replication slot feeds t"):
        choose_slot([*SLOTS, {"name": "b", "plugin": "pgoutput"}], None, "t")


def test_the_slot_has_passed_when_it_confirmed_the_mark_or_more() -> None:
    marks: list[int] = []
    state = wait_for_slot(lambda: SLOTS, lambda: marks.append(1) or 1, cut_before(12), None, "t", Deadline(0))
    assert state.covers_cut is True
    assert marks == [1]


def test_a_slot_that_stays_behind_is_not_settled_and_says_where_it_stands() -> None:
    behind = [{"name": "a", "plugin": "pgoutput", "confirmed_flush_lsn": "0/10"}]
    state = wait_for_slot(lambda: behind, lambda: 1, cut_before(12), None, "t", Deadline(0))
    assert state.covers_cut is False
    assert "confirmed 0/10, the cut ends at 0/2710" in state.reason
