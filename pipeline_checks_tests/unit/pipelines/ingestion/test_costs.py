"""What an ingestion costs: the figures that are promised."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline_checks.pipelines.ingestion.flow.cost import ASSUMED, BYTES_PER_GB, Prices, Volume, monthly_cost
from pipeline_checks.pipelines.ingestion.flow.engine.model import FileVersion
from pipeline_checks.pipelines.ingestion.flow.refreshing.impact import impact_of, notes_of, warnings_of
from pipeline_checks.pipelines.ingestion.flow.running.discovery import Known

PRICES = Prices(dbu_hour=0.40, gb_month=0.023, list_1000=0.005)
THEN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("format_type", "frequency", "expected"),
    [
        ("json", "daily", (2.08, 62.50, 3.37, 0.015, 65.88)),
        ("json", "hourly", (2.08, 1500.00, 80.86, 0.36, 1581.22)),
        ("json", "weekly", (2.08, 8.33, 0.45, 0.002, 8.78)),
        ("json", "custom", (2.08, 62.50, 3.37, 0.015, 65.88)),
        ("csv", "monthly", (2.08, 2.08, 0.11, 0.0005, 2.20)),
        ("parquet", "daily", (1.04, 31.25, 3.37, 0.015, 34.63)),
    ],
)
def test_assumed_costs(format_type: str, frequency: str, expected: tuple[float, ...]) -> None:
    cost = monthly_cost(ASSUMED, format_type, frequency, PRICES)
    seen = (
        cost.compute_per_run,
        cost.compute_monthly,
        cost.storage_monthly,
        cost.discovery_monthly,
        cost.total_monthly,
    )
    assert seen == expected
    assert ASSUMED.size_gb == 4.8828125


def test_without_a_schedule_only_what_is_there_is_paid_for() -> None:
    cost = monthly_cost(Volume(10, 100.0, 8.0, measured=True), "json", None, PRICES)
    assert (cost.runs_per_month, cost.compute_monthly, cost.discovery_monthly) == (0, 0.0, 0.0)
    assert cost.total_monthly == cost.storage_monthly == 2.30


def file(name: str, size: int = 100) -> FileVersion:
    return FileVersion(f"s3://b/{name}", "e", size, THEN)


def known(name: str, status: str, *, replaced: bool = False) -> Known:
    return Known(name, "r", file(name), status, None, 0, THEN, replaced)


def test_the_impact_of_a_refresh() -> None:
    listed = [file("a"), file("b", 3 * BYTES_PER_GB), file("c")]
    records = [known("a", "SUCCESS"), known("c", "FAILED")]
    full, new = impact_of("full", listed, records), impact_of("new_only", listed, records)
    assert (full.files_to_process, full.files_skipped, full.cost.minutes) == (3, 0, 6)
    assert (new.files_to_process, new.files_skipped, new.cost.minutes) == (2, 1, 5)
    assert (new.cost.size_gb, new.cost.usd, new.estimated_bytes) == (3.0, 0.75, 3 * BYTES_PER_GB + 100)
    assert impact_of("full", [], []).cost.minutes == 0


def test_a_refresh_warns_of_what_is_dear() -> None:
    dear = impact_of("new_only", [file("a", 41 * BYTES_PER_GB)], [])
    assert warnings_of("new_only", dear) == ["The estimated cost is 10.25 USD."]
    assert len(warnings_of("full", dear)) == 2
    assert warnings_of("new_only", impact_of("new_only", [file("a", 40 * BYTES_PER_GB)], [])) == []
    assert any(
        "1 files stay marked" in n or "0 files stay marked" in n
        for n in notes_of("new_only", dear, "c.d.t", auto_run=True, done=True)
    )
