"""Facts of services: order of starts, lines of errors, variables whose values are told to nobody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pipeline_checks.stack.facts import Gathering, error_lines, start_order
from pipeline_checks.stack.home import Home
from pipeline_checks.stack.service import Service
from pipeline_checks.stack.starts import Began, recalled, remember

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def began(start: float, ready: float) -> Began:
    return Began(NOON + timedelta(seconds=start), NOON + timedelta(seconds=ready))


def test_what_is_remembered_of_starts_is_recalled_and_kept_beside_later_ones(tmp_path):
    home = Home(tmp_path)
    assert recalled(home) == {}
    remember(home, {"kafka": began(0, 2)})
    remember(home, {"connect": began(2, 5)})
    assert recalled(home) == {"kafka": began(0, 2), "connect": began(2, 5)}


def test_a_start_is_set_against_the_readiness_of_each_that_was_needed():
    gathered = Gathering()
    services = [Service("kafka"), Service("connect", depends_on=("kafka",)), Service("api", depends_on=("connect",))]
    start_order(gathered, services, {"kafka": began(0, 2), "connect": began(3, 5)})
    told = gathered.told("embedded")
    assert [(f.service, f.item) for f in told.facts["start_order"]] == [("connect", "kafka")]
    assert list(told.unread["start_order"]) == ["api"]


def test_a_log_is_searched_for_lines_of_errors():
    assert error_lines("INFO errors=0\nall well") == "no errors"
    assert error_lines("INFO x\n2026 ERROR it broke\nTraceback (most recent call last):") == (
        "2 lines of errors, first: 2026 ERROR it broke"
    )


def test_what_a_client_asked_of_the_database_server_wrongly_is_no_error_of_the_server():
    assert error_lines('ERROR:  relation "iceberg_tables" does not exist', "postgres") == "no errors"
    assert error_lines("FATAL:  could not create lock file", "postgres").startswith("1 lines of errors")


def test_of_a_variable_it_is_told_whether_it_is_as_configured_and_never_its_value():
    gathered = Gathering()
    gathered.variables("api", {"KEY": "secret-1", "URL": "a", "MODE": "b"}, {"KEY": "secret-2", "URL": "a"})
    found = {f.item: f.seen for f in gathered.told("embedded").facts["environment"]}
    assert found == {"KEY": "another value", "MODE": None, "URL": "as configured"}
    assert "secret" not in repr(gathered.told("embedded"))
