"""Expiring snapshots removes what only they referred to."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline_checks.clients.iceberg_expiry import expire
from pipeline_checks.pipelines.cdc.flow.sink import BatchId
from pipeline_checks_tests.unit.pipelines.cdc.envelopes import record, value
from pipeline_checks_tests.unit.pipelines.cdc.lakes import catalog, decoded, names, writer


def test_old_snapshots_go_with_their_files_and_the_rows_stay(tmp_path: Path) -> None:
    made = writer(tmp_path, "iceberg")
    for number in range(6):
        row = {"customer_id": number % 2, "first_name": f"v{number}", "address": ""}
        batch = decoded(record(number, value("u", row, 10 + number)))
        made.write(batch, BatchId("q", number), datetime(2026, 1, 1, tzinfo=UTC))
    table = catalog(tmp_path).load_table("cdc.people")
    before = sum(1 for path in tmp_path.rglob("*.parquet") if "people_changes" not in str(path))
    assert expire(table, datetime.now(UTC) - timedelta(hours=1)) == 0
    assert expire(table, datetime.now(UTC) + timedelta(seconds=1)) == 5
    after = sum(1 for path in tmp_path.rglob("*.parquet") if "people_changes" not in str(path))
    live = len(list(catalog(tmp_path).load_table("cdc.people").scan().plan_files()))
    assert (before, after) == (6, live)
    assert names(tmp_path, "iceberg") == {0: "v4", 1: "v5"}
    assert len(catalog(tmp_path).load_table("cdc.people").metadata.snapshots) == 1
    assert writer(tmp_path, "iceberg").state.covers == {0: 6, 1: 0, 2: 0}
