"""Every part is killed under load: the pipeline recovers, nothing is lost, nothing comes twice.

The lakes are compared for the rows that the load wrote, so that these tests need no undamaged lake. They leave late
events behind, which the latency check would tell for an hour.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import polars as pl
import pytest

from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import Deadline
from pipeline_checks_tests.cdc.load import Load, Shop
from pipeline_checks_tests.cdc.mover import (
    Checkpoint,
    kill,
    kill_between_data_and_checkpoint,
    stopped,
    wait_until_ready,
)
from pipeline_checks_tests.cdc.settling import Topics, published, settle
from pipeline_checks_tests.cdc.slot import independent_slot, slot_operations
from pipeline_checks_tests.cdc.topics import operations
from pipeline_checks_tests.cdc.truth import LAKES, TABLES, assert_current, assert_log, source
from pipeline_checks_tests.conftest import RunningStack
from pipeline_checks_tests.stack.lake_truth import delta_frame, iceberg_frame

pytestmark = [pytest.mark.leaves_damage, pytest.mark.own_processes]

LIMIT_SECONDS, RATE, SOME = 60, 50, 40
MOVER, CONNECT, KAFKA, POSTGRES = "cdc_mover", "connect", "kafka", "postgres"
CONNECTIONS = "connections of postgres"


@dataclass(frozen=True)
class Trial:
    """A load on settled lakes, and where everything stood before it."""

    shop: Shop
    starts: dict[str, dict[int, int]]
    topics: Topics

    def assert_exact(self) -> None:
        """Assert that source, an independent slot, topics, logs and states agree about what the load did."""
        settle(self.topics)
        done = slot_operations()
        for table in TABLES:
            records = self.topics[table].records(self.starts[table])
            assert operations(records.values()) == done[table], f"the topic of {table} against the source's log"
            assert records
            for lake in LAKES:
                assert assert_log(lake, table, records, self.starts[table]) > 0
                assert assert_current(lake, table, self.shop.first[table]) > 0


@pytest.fixture
def trial(stack: RunningStack, topics: Topics) -> Iterator[Trial]:
    """A shop that nobody has bought from, with a slot that sees all that will happen."""
    wait_until_ready(stack)
    settle(topics)
    starts = {table: topics[table].ends() for table in TABLES}
    with independent_slot():
        yield Trial(Shop(), starts, topics)


def _kill(stack: RunningStack, victim: str) -> None:
    if victim == MOVER:
        kill_between_data_and_checkpoint(stack)
    elif victim == CONNECTIONS:
        with source() as connection:
            cut = connection.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND backend_type IN ('client backend', 'walsender')"
            ).fetchone()
        assert cut is not None and cut[0] > 1
    else:
        kill(stack, victim)


def _recover(topics: Topics) -> float:
    """Wait until everything committed by now, the time of the kill, has arrived, and return how long that took."""
    return settle(topics, seconds=LIMIT_SECONDS)


@pytest.mark.parametrize("victim", [MOVER, CONNECT, KAFKA, POSTGRES])
def test_after_a_kill_under_load_it_recovers_within_a_minute_and_everything_is_exact(
    victim: str,
    stack: RunningStack,
    trial: Trial,
    record_property: Callable[[str, object], None],
) -> None:
    mover = stack.state(MOVER).pid
    with Load(trial.shop.step, RATE, seed=31) as load:
        load.go_on_for(SOME)
        _kill(stack, victim)
        record_property("recovery_seconds", round(_recover(trial.topics), 2))
        load.go_on_for(SOME)
    trial.assert_exact()
    if victim != MOVER:
        assert stack.state(MOVER).pid == mover, f"the mover has not outlived the {victim}"
    if victim in (CONNECT, POSTGRES):
        _assert_slot_moves_on()


def _assert_slot_moves_on() -> None:
    """The connector's slot is in use again and gives log back: what it confirms and where it would restart advance."""
    query = (
        "SELECT active, restart_lsn - '0/0'::pg_lsn, confirmed_flush_lsn - '0/0'::pg_lsn "
        "FROM pg_replication_slots WHERE slot_name = 'debezium_slot'"
    )
    deadline = Deadline(LIMIT_SECONDS)
    with source() as connection:
        before = connection.execute(query).fetchone()
        assert before is not None

        def moved() -> bool:
            connection.execute("SELECT pg_log_standby_snapshot()")  # else logged every 15 s; a slot restarts at these
            published(deadline)
            now = connection.execute(query).fetchone()
            return now is not None and now[0] and now[1] > before[1] and now[2] > before[2]

        assert deadline.wait_until(moved), before


def test_a_deleted_checkpoint_changes_no_row_and_what_comes_next_arrives(stack: RunningStack, trial: Trial) -> None:
    with Load(trial.shop.step, RATE, seed=33) as load:
        load.go_on_for(SOME)
    settle(trial.topics)
    before, old = _everything(), Checkpoint().query
    with stopped(stack):
        shutil.rmtree(Path(setting("CHECKPOINT_LOCATION")))
    ends = {trial.topics[table].name: trial.topics[table].ends() for table in TABLES}
    assert Deadline(LIMIT_SECONDS).wait_until(lambda: Checkpoint().covers(ends)), "the topics were not read again"
    assert Checkpoint().query != old
    for place, rows in _everything().items():
        assert rows.equals(before[place]), place
    with Load(trial.shop.step, RATE, seed=34) as load:
        load.go_on_for(SOME)
    trial.assert_exact()


def _everything() -> dict[tuple[str, str], pl.DataFrame]:
    """All rows of all lake tables, in one order."""
    frames = {"delta": delta_frame, "iceberg": iceberg_frame}
    names = [name for table in TABLES for name in (table, f"{table}_changes")]
    found = {(lake, name): read(name) for lake, read in frames.items() for name in names}
    return {place: frame.sort(frame.columns) for place, frame in found.items()}


@pytest.mark.soak
def test_twenty_kills_at_random_times_lose_and_double_nothing(stack: RunningStack, trial: Trial) -> None:
    random = Random(35)
    with Load(trial.shop.step, RATE, seed=35) as load:
        for number in range(20):
            load.go_on_for(random.randint(1, 2 * SOME))
            _kill(stack, (CONNECT, KAFKA, POSTGRES, CONNECTIONS)[number % 4])
            _recover(trial.topics)
    trial.assert_exact()
    _assert_slot_moves_on()


@pytest.mark.soak
def test_twenty_kills_of_the_mover_between_data_and_checkpoint_write_nothing_twice(
    stack: RunningStack, trial: Trial
) -> None:
    with Load(trial.shop.step, RATE, seed=36) as load:
        for _ in range(20):
            load.go_on_for(SOME)
            _kill(stack, MOVER)
            _recover(trial.topics)
    trial.assert_exact()
