"""The source's schema changes under load: rows written before, during and after each DDL arrive, all of them, exact."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import psycopg
import pytest

from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.verification.run import run_checks
from pipeline_checks_tests.cdc.load import Load, Source
from pipeline_checks_tests.cdc.settling import Topics, settle
from pipeline_checks_tests.cdc.topics import TOMBSTONE
from pipeline_checks_tests.cdc.truth import LAKES, Row, assert_log, current, fold, log, source, source_rows

pytestmark = pytest.mark.leaves_damage

TABLE = "schema_evolution_test"
DDL = {
    "add email": "ADD COLUMN email VARCHAR(255)",
    "add phone": "ADD COLUMN phone VARCHAR(20)",
    "add metadata": "ADD COLUMN metadata JSONB DEFAULT '{}'",
    "retype status": "ALTER COLUMN status TYPE VARCHAR(100)",
    "retype version": "ALTER COLUMN version TYPE BIGINT",
    "rename description": "RENAME COLUMN description TO description_text",
    "rename name": "RENAME COLUMN name TO display_name",
    "not null": "ALTER COLUMN status SET NOT NULL",
    "default": "ALTER COLUMN status SET DEFAULT 'pending'",
    "check": "ADD CHECK (status IN ('active', 'inactive', 'pending', 'deleted'))",
    "drop phone": "DROP COLUMN phone",
    "drop description": "DROP COLUMN description_text",
}
EVER = {"id", "version", "name", "description", "status", "created_at", "updated_at"} | {
    *("email", "phone", "metadata", "description_text", "display_name")
}
NOW = {"id", "version", "display_name", "status", "created_at", "updated_at", "email", "metadata"}
AROUND, A_BATCH = 12, 90


@dataclass(frozen=True)
class Evolved:
    """What the load wrote: the topic's ends before it, its first key, and for each DDL the log's position then."""

    starts: dict[int, int]
    beyond: int
    at: Mapping[str, int]


class Writer:
    """A step that writes whatever columns the table has at the moment, while DDL goes on beside it."""

    def __init__(self, beyond: int) -> None:
        self._beyond = beyond
        self._number = 0

    def step(self, source: Source, random: Random) -> int:
        """Insert, update or delete one row of its own; returns how many rows it changed."""
        self._number += 1
        source.execute(f"LOCK TABLE {TABLE} IN ROW EXCLUSIVE MODE")  # columns stay from here to the commit
        values = self._values(self._columns(source), random)
        kind = random.choice(("insert",) * 5 + ("update",) * 3 + ("delete",))
        if kind == "insert":
            return self._insert(source, values)
        found = source.execute(
            f"SELECT id FROM {TABLE} WHERE id > %s ORDER BY random() LIMIT 1", (self._beyond,)
        ).fetchone()
        if found is None:
            return self._insert(source, values)
        if kind == "delete":
            return source.execute(f"DELETE FROM {TABLE} WHERE id = %s", found).rowcount
        name = random.choice(sorted(values))
        return source.execute(f"UPDATE {TABLE} SET {name} = %s WHERE id = %s", (values[name], found[0])).rowcount

    def _insert(self, source: Source, values: Mapping[str, Any]) -> int:
        given = ", ".join(values)
        holes = ", ".join(["%s"] * len(values))
        return source.execute(f"INSERT INTO {TABLE} ({given}) VALUES ({holes})", tuple(values.values())).rowcount

    def _columns(self, source: Source) -> dict[str, str]:
        query = "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s"
        return dict(source.execute(query, (TABLE,)).fetchall())

    def _values(self, columns: Mapping[str, str], random: Random) -> Row:
        number = self._number
        offered = {
            "version": 2**40 + number if columns["version"] == "bigint" else number,
            "name": f"name {number}",
            "display_name": f"display {number}",
            "description": random.choice((f"description {number}", None)),
            "description_text": random.choice((f"text {number}", None)),
            "email": random.choice((f"evolving.{number}@example.com", None)),
            "phone": f"555-{number:07d}",
            "metadata": json.dumps({"number": number, "nested": {"text": "ä"}}),
            "status": random.choice(("active", "inactive", "deleted")),
        }
        chosen = {name: value for name, value in offered.items() if name in columns}
        if random.random() < 0.4:  # leave it to the defaults
            chosen.pop("status", None)
            chosen.pop("metadata", None)
        return chosen


@pytest.fixture(scope="module")
def evolved(topics: Topics) -> Evolved:
    """The table after every DDL, each in the middle of the load."""
    topics[TABLE].read()
    starts, at = topics[TABLE].ends(), {}
    with source() as connection:
        beyond = _number(connection, "SELECT nextval(pg_get_serial_sequence(%s, 'id'))", TABLE)
        with Load(Writer(beyond).step, rate=A_BATCH, seed=41) as load:
            for name, ddl in DDL.items():
                load.go_on_for(AROUND)
                with connection.transaction():
                    connection.execute(f"ALTER TABLE {TABLE} {ddl}")
                    at[name] = _number(connection, "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
            load.go_on_for(AROUND)
    settle(topics, [TABLE])
    return Evolved(starts, beyond, at)


def _number(connection: psycopg.Connection[Any], query: str, *values: Any) -> int:
    found = connection.execute(query, values).fetchone()
    assert found is not None
    return int(found[0])


def test_rows_were_written_before_and_after_each_change_of_the_schema(topics: Topics, evolved: Evolved) -> None:
    written = [r.lsn for r in topics[TABLE].records(evolved.starts).values() if r.op in ("c", "u")]
    steps = [0, *evolved.at.values(), 2**63]
    for name, earlier, now, later in zip(evolved.at, steps, steps[1:], steps[2:], strict=False):
        assert [lsn for lsn in written if earlier < lsn < now], f"nothing before {name}"
        assert [lsn for lsn in written if now < lsn < later], f"nothing after {name}"


@pytest.mark.parametrize("lake", LAKES)
def test_every_record_stands_in_the_log_with_the_columns_it_was_written_with(
    lake: str, topics: Topics, evolved: Evolved
) -> None:
    assert assert_log(lake, TABLE, topics[TABLE].records(evolved.starts), evolved.starts) > len(DDL) * AROUND / 2
    row = next(iter(log(lake, TABLE, evolved.starts).values()))
    assert {name for name in row if not name.startswith("_")} == EVER


@pytest.mark.parametrize("lake", LAKES)
def test_the_current_state_is_what_the_records_fold_to_old_rows_with_null_in_new_columns(
    lake: str, topics: Topics, evolved: Evolved
) -> None:
    rows = current(lake, TABLE)
    wanted = fold(topics[TABLE].records().values()).last
    assert set(rows) == set(wanted)
    for key, row in rows.items():
        assert {name for name in row if not name.startswith("_")} == EVER
        assert {name: row[name] for name in EVER} == {name: wanted[key].get(name) for name in EVER}, key
    old = [row for key, row in rows.items() if key <= evolved.beyond]
    assert len(old) > 900
    for name in EVER - {"id", "version", "name", "description", "status", "created_at", "updated_at"}:
        assert {row[name] for row in old} == {None}, name


@pytest.mark.parametrize("lake", LAKES)
def test_no_row_is_lost_and_every_column_that_the_source_has_agrees_with_it(
    lake: str, topics: Topics, evolved: Evolved
) -> None:
    rows, wanted = current(lake, TABLE), source_rows(TABLE)
    assert set(rows) == set(wanted)
    records = topics[TABLE].records()
    newest = {key: records[row["_topic_partition"], row["_offset"]] for key, row in rows.items()}
    compared = 0
    for key, row in rows.items():
        assert set(wanted[key]) == NOW
        # What DDL itself gave to rows that are there, a default or a new name, is in no record.
        given = {
            *({"metadata"} if newest[key].lsn < evolved.at["add metadata"] else ()),
            *({"display_name"} if newest[key].lsn < evolved.at["rename name"] else ()),
        }
        for name in NOW - given:
            value = json.loads(row[name]) if name == "metadata" and row[name] is not None else row[name]
            assert value == wanted[key][name], f"{lake} {key}: {name}"
            compared += 1
        for name in given & {"display_name"}:
            assert row["name"] == wanted[key][name]
    assert compared > 5 * len(rows)
    assert max(row["version"] for row in rows.values()) > 2**40


def test_the_default_and_the_wider_types_hold_for_what_came_later(topics: Topics, evolved: Evolved) -> None:
    later = [r for r in topics[TABLE].records(evolved.starts).values() if r.op == "c" and r.row is not None]
    pending = [r for r in later if r.row is not None and r.row["status"] == "pending"]
    assert pending
    assert min(r.lsn for r in pending) > evolved.at["default"]
    assert {r.op for r in topics[TABLE].records(evolved.starts).values()} == {"c", "u", "d", TOMBSTONE}


def test_the_checks_count_every_row_and_name_each_column_that_drifted(evolved: Evolved, pipeline: Pipeline) -> None:
    lakes = [f"{lake}_{TABLE}{kind}" for lake in LAKES for kind in ("", "_changes")]
    stages = [f"pg_{TABLE}", f"topic_{TABLE}", *lakes]
    result = run_checks(pipeline, stages, ("counts", "duplicates", "schema"))
    by_check = {(c.stage, c.check): c for c in result.checks}
    assert {c.stage for c in result.checks} == set(stages)
    for stage in stages:
        assert {by_check[stage, kind].verdict for kind in ("counts", "duplicates")} == {Verdict.PASS}, stage
    drifts = {
        stage: {(f.detail, f.extra["column"]) for f in by_check[stage, "schema"].judgement.findings} for stage in stages
    }
    gone = {("dropped", "name"), ("dropped", "description")}
    come = {("added", "display_name"), ("added", "email"), ("added", "metadata")}
    renamed = (gone - {("dropped", "name")}) | (come - {("added", "display_name")}) | {("renamed", "name")}
    assert drifts[f"pg_{TABLE}"] == renamed, "the last run knew the attribute by its old name"
    assert drifts[f"topic_{TABLE}"] == gone | come | {("retyped", "version")}  # some values need 64 bits
    for stage in lakes:  # which keep what the source has dropped
        assert drifts[stage] == come | {("added", "phone"), ("added", "description_text")}
