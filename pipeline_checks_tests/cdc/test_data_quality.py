"""The transformations are right: every row of every column of every table, computed a second time."""

from __future__ import annotations

import pytest

from pipeline_checks_tests.cdc.settling import Topics, settle
from pipeline_checks_tests.cdc.topics import MALFORMED, TOMBSTONE
from pipeline_checks_tests.cdc.truth import (
    LAKES,
    LOG_TIMES,
    STATE_COLUMNS,
    TABLES,
    assert_current,
    assert_log,
    current,
    fold,
    log,
    source_rows,
)


@pytest.fixture(scope="module")
def settled(topics: Topics) -> Topics:
    """All topics, with the lakes settled."""
    settle(topics)
    return topics


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("lake", LAKES)
def test_the_current_state_equals_the_source_in_every_row_and_column(lake: str, table: str, settled: Topics) -> None:
    assert assert_current(lake, table) == len(source_rows(table)) > 900


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("lake", LAKES)
def test_the_change_log_equals_the_topic_in_every_record_and_column(lake: str, table: str, settled: Topics) -> None:
    records = settled[table].records()
    valued = [r for r in records.values() if r.op not in (TOMBSTONE, MALFORMED)]
    assert assert_log(lake, table, records) == len(valued) > 1000


@pytest.mark.parametrize("table", TABLES)
def test_both_formats_hold_the_same(table: str, settled: Topics) -> None:
    delta, iceberg = (current(lake, table) for lake in LAKES)
    same = set(next(iter(delta.values()))) - {"_ingested_at"}
    assert {k: {c: r[c] for c in same} for k, r in delta.items()} == {
        k: {c: r[c] for c in same} for k, r in iceberg.items()
    }
    logs = [log(lake, table) for lake in LAKES]
    own = LOG_TIMES | {"_pipeline_id"}
    first, second = ({p: {c: v for c, v in r.items() if c not in own} for p, r in rows.items()} for rows in logs)
    assert first == second


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("lake", LAKES)
def test_each_current_row_names_the_record_that_it_came_from(lake: str, table: str, settled: Topics) -> None:
    records = settled[table].records()
    folded = fold(records.values())
    for key, row in current(lake, table).items():
        origin = records[row["_topic_partition"], row["_offset"]]
        assert (origin.key, origin.lsn, origin.source["txId"]) == (key, row["_source_lsn"], row["_source_tx_id"])
        assert folded.at[origin.place] == folded.last[key], f"{lake} {table} {key} is not from its newest record"
        assert set(row) >= STATE_COLUMNS
