"""Bulk writes arrive in few large batches, and all of them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable

from pipeline_checks.pipelines.cdc.flow.progress import progress_file
from pipeline_checks_tests.cdc.settling import Topics, settle
from pipeline_checks_tests.cdc.truth import LAKES, assert_current, assert_log, last_keys, source

ROWS, A_COMMIT = 1000, 100
LARGEST_AT_LEAST = 50


def test_a_thousand_rows_arrive_and_the_largest_batch_holds_fifty_or_more(
    topics: Topics, record_property: Callable[[str, object], None]
) -> None:
    topics["customers"].read()
    starts, beyond = topics["customers"].ends(), last_keys()["customers"]
    before = progress_file().stat().st_size
    with source() as connection:
        for _ in range(ROWS // A_COMMIT):
            with connection.transaction():
                connection.cursor().executemany(
                    "INSERT INTO customers (first_name, last_name, email, city) VALUES ('Bulk', %s, %s, 'Load')",
                    [(str(n), f"bulk.{secrets.token_hex(8)}@example.com") for n in range(A_COMMIT)],
                )
    took = settle(topics, ["customers"])
    for lake in LAKES:
        assert assert_current(lake, "customers", beyond) == ROWS
        assert assert_log(lake, "customers", topics["customers"].records(starts), starts) == ROWS

    with progress_file().open("rb") as file:
        file.seek(before)
        batches = [json.loads(line) for line in file]
    written: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for batch in batches:
        for entry in batch["tables"]:
            if entry["table"] == "customers":
                written.setdefault((entry["format"], entry["kind"]), []).append((entry["rows"], entry["seconds"]))
    for place, sizes in written.items():
        record_property(" ".join(place), ", ".join(f"{rows} rows in {seconds} s" for rows, seconds in sizes))
        assert sum(rows for rows, _ in sizes) == ROWS, place
        assert max(rows for rows, _ in sizes) >= LARGEST_AT_LEAST, place
        assert all(seconds > 0 for _, seconds in sizes), place
    assert set(written) == {(lake, kind) for lake in LAKES for kind in ("changes", "current")}
    record_property("seconds_after_the_last_commit", round(took, 3))
