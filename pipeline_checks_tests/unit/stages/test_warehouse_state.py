"""What a run of dbt has seen of the loads of a warehouse, and where a table of it stands."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline_checks.model.position import InstantPosition, VersionPosition
from pipeline_checks.stages.warehouse_state import DbtRun, Load, load_of, unseen

AT = datetime(2026, 1, 2, 3, tzinfo=UTC)
LOADS = {"orders_raw": Load("orders_raw", 7, 12, 100, AT), "shops_raw": Load("shops_raw", 3, None, 5, AT)}


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (DbtRun("a", AT, {"orders_raw": 7, "shops_raw": 3}), ""),
        (DbtRun("a", AT, {"raw.orders_raw": 7, "raw.shops_raw": 3}), ""),
        (DbtRun("a", AT, {"orders_raw": 6, "shops_raw": 3}), "dbt has not run since orders_raw was loaded"),
        (DbtRun("a", AT, {"orders_raw": 7}), "dbt has not run since shops_raw was loaded"),
        (DbtRun("a", AT, {"orders_raw": 6, "shops_raw": 3}, "no space"), "its last run failed: no space"),
        (None, "dbt has not built the models yet"),
    ],
)
def test_a_run_that_has_not_seen_a_load_says_which(run: DbtRun | None, reason: str) -> None:
    told = unseen(run, LOADS)
    assert (told == "") == (reason == "")
    assert reason in told


def test_a_load_is_found_with_and_without_its_schema() -> None:
    assert load_of(LOADS, "raw.orders_raw") is LOADS["orders_raw"]
    assert load_of(LOADS, "raw.customers_raw") is None


def test_positions_of_loads_are_versions_or_instants() -> None:
    from pipeline_checks.stages.warehouse_reader import position_of

    class Snapshot:
        lsn = 1

    told = [position_of(one, Snapshot()) for one in (*LOADS.values(), DbtRun("a", AT))]  # type: ignore[arg-type]
    assert told == [VersionPosition(12), InstantPosition(AT), InstantPosition(AT)]
