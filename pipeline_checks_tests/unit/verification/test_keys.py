"""What a stage must hold under live writes: the source where nothing moved, the fold where something did."""

from __future__ import annotations

import polars as pl
import pytest

from pipeline_checks.model.measure import KeyDifference
from pipeline_checks.verification import keys
from pipeline_checks.verification.coverage import judge_coverage, required_offsets
from pipeline_checks.verification.history import IN_CUT
from pipeline_checks_tests.unit.verification.events import NOON, covers, cut_before, event, history


def source(*ids: int) -> pl.DataFrame:
    return pl.DataFrame({"customer_id": list(ids)}, schema={"customer_id": pl.Int64})


def difference(found: pl.DataFrame, expected: keys.ExpectedKeys) -> KeyDifference:
    return keys.compare(found, expected, ("customer_id",))


def test_a_table_at_the_cut_must_equal_the_source() -> None:
    told = history([event(0, 0, "c", 1, 10), event(0, 1, "c", 2, 11)], cut=cut_before(12))
    expected = keys.expected_in_table(told, source(1, 2), covers({0: 2}), ("pg",))
    seen = difference(source(1, 2), expected)
    assert (seen.missing_total, seen.unexpected_total, seen.expected_rows, seen.rows) == (0, 0, 2, 2)


def test_a_missing_and_an_unexpected_key_are_named() -> None:
    told = history([event(0, 0, "c", 1, 10), event(0, 1, "c", 2, 11)], cut=cut_before(12))
    expected = keys.expected_in_table(told, source(1, 2), covers({0: 2}), ("pg",))
    seen = difference(source(1, 7), expected)
    assert [k for k, _ in seen.missing] == [{"customer_id": 2}]
    assert [k for k, _ in seen.unexpected] == [{"customer_id": 7}]


def test_a_table_that_is_further_than_the_cut_is_judged_by_the_fold_for_the_keys_touched_since() -> None:
    told = history(
        [
            event(0, 0, "c", 1, 10),
            event(0, 1, "c", 2, 11),
            event(0, 2, "d", 1, 12),
            event(0, 3, "tombstone", 1, None),
            event(0, 4, "c", 3, 13),
        ],
        cut=cut_before(12),
    )
    expected = keys.expected_in_table(told, source(1, 2), covers({0: 5}), ("pg",))
    assert difference(source(2, 3), expected).missing_total == 0
    assert difference(source(2, 3), expected).unexpected_total == 0
    still_there = difference(source(1, 2, 3), expected)
    assert [k for k, _ in still_there.unexpected] == [{"customer_id": 1}]


def test_a_table_behind_the_cut_is_judged_at_its_own_position() -> None:
    told = history([event(0, 0, "c", 1, 10), event(0, 1, "c", 2, 11), event(0, 2, "d", 1, 11)], cut=cut_before(12))
    expected = keys.expected_in_table(told, source(2), covers({0: 1}), ("pg",))
    assert difference(source(1), expected).missing_total == 0
    assert difference(source(1), expected).unexpected_total == 0
    assert difference(source(), expected).missing_total == 1


def test_an_event_of_a_transaction_still_running_at_the_cut_does_not_count_even_with_a_lower_id() -> None:
    told = history([event(0, 0, "c", 1, 10), event(0, 1, "c", 2, 9)], cut=cut_before(12, in_progress=[9]))
    expected = keys.expected_in_table(told, source(1), covers({0: 2}), ("pg",))
    assert difference(source(1, 2), expected).unexpected_total == 0
    assert difference(source(1), expected).missing_total == 1


def test_a_row_lost_between_source_and_topic_is_missing_in_the_topic_and_in_the_table() -> None:
    told = history([event(0, 0, "c", 1, 10)], cut=cut_before(12))
    found, expected = keys.expected_in_topic(told, source(1, 2), ("pg",))
    assert [k for k, _ in difference(found, expected).missing] == [{"customer_id": 2}]
    in_table = keys.expected_in_table(told, source(1, 2), covers({0: 1}), ("pg",))
    assert difference(source(1), in_table).missing_total == 1


def test_delete_and_reinsert_of_a_key_ends_with_the_key() -> None:
    told = history(
        [event(0, 0, "c", 1, 10), event(0, 1, "d", 1, 11), event(0, 2, "tombstone", 1, None), event(0, 3, "c", 1, 11)],
        cut=cut_before(12),
    )
    found, expected = keys.expected_in_topic(told, source(1), ("pg",))
    assert difference(found, expected).missing_total == 0


def test_a_truncate_removes_what_came_before_it_by_lsn_in_every_partition() -> None:
    told = history(
        [
            event(0, 0, "c", 1, 10, lsn=100),
            event(1, 0, "c", 2, 10, lsn=101),
            event(2, 0, "t", None, 11, lsn=150),
            event(1, 1, "c", 3, 12, lsn=200),
        ],
        cut=cut_before(13),
    )
    found, expected = keys.expected_in_topic(told, source(3), ("pg",))
    seen = difference(found, expected)
    assert (seen.rows, seen.missing_total, seen.unexpected_total) == (1, 0, 0)


def test_what_retention_removed_is_unknown_and_not_missing() -> None:
    told = history([event(0, 5, "c", 9, 11)], cut=cut_before(12), begin={0: 5})
    found, expected = keys.expected_in_topic(told, source(1, 2, 9), ("pg",))
    seen = difference(found, expected)
    assert (seen.missing_total, seen.unknown_keys) == (0, 2)


def test_a_history_reads_on_to_where_a_table_is() -> None:
    told = history([event(0, 0, "c", 1, 10), event(0, 1, "c", 2, 13)], cut=cut_before(12), end={0: 1})
    assert told.frame.height == 1
    told.extend(covers({0: 2}))
    assert told.frame.height == 2
    expected = keys.expected_in_table(told, source(1), covers({0: 2}), ("pg",))
    assert difference(source(1, 2), expected).unexpected_total == 0


@pytest.mark.parametrize("in_progress", [False, True])
def test_rows_read_by_a_snapshot_that_the_cut_does_not_see_ask_for_another_cut(in_progress: bool) -> None:
    running = [10] if in_progress else []
    told = history([event(0, 0, "r", 1, 10)], cut=cut_before(11, in_progress=running))
    assert told.snapshot_after_cut() is in_progress


def test_without_a_source_the_cut_is_where_the_topic_ended_when_it_was_pinned() -> None:
    records = [event(0, 0, "c", 1, None), event(1, 0, "c", 2, None), event(0, 1, "c", 3, None)]
    told = history(records, cut=None, end={0: 1, 1: 1})
    assert required_offsets([told], "current") == covers({0: 1, 1: 1}), "also of records that tell no transaction"
    told.extend(covers({0: 2, 1: 1}))
    assert sorted(told.frame.filter(pl.col(IN_CUT)).get_column("customer_id")) == [1, 2]
    behind = judge_coverage([told], "current", covers({0: 1}), True, NOON, 1.0)
    assert (behind.covers_cut, behind.reason) == (False, "1 of 2 events of the cut are not covered")
    assert judge_coverage([told], "current", covers({0: 1, 1: 1}), True, NOON, 1.0).covers_cut is True
