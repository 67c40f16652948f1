"""Updates arrive: the old and the new version stand in the log, the new one alone in the current state."""

from __future__ import annotations

import secrets

import pytest

from pipeline_checks_tests.cdc.settling import Topics, settle
from pipeline_checks_tests.cdc.truth import (
    LAKES,
    STATE_COLUMNS,
    Row,
    assert_current,
    assert_log,
    current,
    last_keys,
    log,
    source,
)

CUSTOMERS = 20
Moved = tuple[int, dict[int, int], dict[str, dict[int, Row]]]


@pytest.fixture(scope="module")
def moved(topics: Topics) -> Moved:
    """Customers who moved from New York to California: first key, the topic's ends and the lakes' rows before."""
    topics["customers"].read()
    starts, beyond = topics["customers"].ends(), last_keys()["customers"]
    with source() as connection:
        connection.cursor().executemany(
            "INSERT INTO customers (first_name, last_name, email, city, state) "
            "VALUES ('Up', 'Dated', %s, 'Albany', 'NY')",
            [(f"updated.{secrets.token_hex(6)}@example.com",) for _ in range(CUSTOMERS)],
        )
    settle(topics, ["customers"])
    before = {lake: current(lake, "customers", beyond) for lake in LAKES}
    with source() as connection:
        connection.execute("UPDATE customers SET state = 'CA' WHERE customer_id > %s", (beyond,))
    settle(topics, ["customers"])
    return beyond, starts, before


@pytest.mark.parametrize("lake", LAKES)
def test_the_log_holds_the_old_and_the_new_version_of_each(lake: str, topics: Topics, moved: Moved) -> None:
    _, starts, before = moved
    rows = sorted(log(lake, "customers", starts).values(), key=lambda r: r["_source_lsn"])
    for key in before[lake]:
        versions = [(r["_cdc_operation"], r["state"], r["location"]) for r in rows if r["customer_id"] == key]
        assert versions == [("INSERT", "NY", "Albany, NY, USA"), ("UPDATE", "CA", "Albany, CA, USA")]
    assert len(rows) == 2 * CUSTOMERS
    assert_log(lake, "customers", topics["customers"].records(starts), starts)


@pytest.mark.parametrize("lake", LAKES)
def test_one_current_row_is_left_in_which_only_what_follows_from_the_update_has_changed(
    lake: str, moved: Moved
) -> None:
    beyond, _, before = moved
    after = current(lake, "customers", beyond)
    assert len(after) == len(before[lake]) == CUSTOMERS
    for key, row in after.items():
        old = before[lake][key]
        changed = {name for name, value in row.items() if value != old[name]} - STATE_COLUMNS
        assert changed == {"state", "updated_at", "location"}
        assert row["_source_lsn"] > old["_source_lsn"]
        assert row["updated_at"] > old["updated_at"]
    assert assert_current(lake, "customers", beyond) == CUSTOMERS
