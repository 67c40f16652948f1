"""Damages of the table, and what must be told of them by file and line."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline_checks.faults.expectation import ExpectedFinding, finding
from pipeline_checks.faults.injury import Injury
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.pipelines.ingestion.scenarios.objects import FAR
from pipeline_checks.pipelines.ingestion.scenarios.table_damage import SparkDamage, again, statement, stranger
from pipeline_checks.pipelines.ingestion.scenarios.words import (
    TABLE,
    VIEW,
    counted,
    foreign,
    missing_lines,
    of_file,
    of_lines,
    places_of,
    repeated,
    scenario,
)

UNSETTLED = frozenset({"UNSETTLED"})

LOST_ROWS = SparkDamage(
    "lost_rows", "Rows are deleted", statement("DELETE FROM {table} WHERE id IN ({ids})"), (2, 3, 7)
)
EMPTIED = SparkDamage("emptied", "All rows are deleted", statement("DELETE FROM {table}"))
DOUBLED_ROWS = SparkDamage("doubled_rows", "Rows are written a second time", again(in_the_services_name=False), (4, 5))
LOADED_AGAIN = SparkDamage(
    "loaded_again", "Records of a file are loaded a second time", again(in_the_services_name=True), tuple(range(10))
)
CHANGED_VALUE = SparkDamage(
    "changed_value",
    "A value is changed in its last decimal",
    statement("UPDATE {table} SET value = value + 0.25 WHERE id IN ({ids})"),
    (6,),
)
NULLED = SparkDamage(
    "nulled_value", "A text becomes NULL", statement("UPDATE {table} SET user_id = NULL WHERE id IN ({ids})"), (1,)
)
NARROWED = SparkDamage(
    "narrowed_value",
    "A broken number becomes a whole one",
    statement("UPDATE {table} SET value = floor(value) WHERE id IN ({ids})"),
    (9,),
)
UNKNOWN_ROW = SparkDamage("unknown_row", "A row is written that no file has", stranger(FAR + 99))
DROPPED_FIELD = SparkDamage("dropped_field", "A field is dropped", statement("ALTER TABLE {table} DROP COLUMN user_id"))
ADDED_FIELD = SparkDamage(
    "added_field", "A field is added that no file has", statement("ALTER TABLE {table} ADD COLUMN note string")
)
COMPACTED = SparkDamage(
    "compacted",
    "The same rows are written into other files, as maintenance does",
    statement(
        "CALL test_catalog.system.rewrite_data_files(table => 'lake.events', options => map('rewrite-all', 'true'))"
    ),
)


def tables() -> Iterator[Scenario]:
    """Yield the scenarios."""
    yield scenario(LOST_ROWS, TABLE, lambda i: [foreign(), *missing_lines(i), *counted("missing")])
    nothing = {(TABLE, check): UNSETTLED for check in ("duplicates",)}
    yield scenario(EMPTIED, TABLE, _emptied, nothing)
    yield scenario(DOUBLED_ROWS, TABLE, lambda i: [foreign(), *repeated(i, "sink_rewrite"), *counted("unexpected")])
    yield scenario(LOADED_AGAIN, TABLE, _loaded_again)
    yield scenario(CHANGED_VALUE, TABLE, _changed)
    yield scenario(NULLED, TABLE, _changed)
    yield scenario(NARROWED, TABLE, _changed)
    yield scenario(UNKNOWN_ROW, TABLE, _unknown)
    yield scenario(DROPPED_FIELD, TABLE, lambda i: [*_drifted("dropped", "user_id")])
    yield scenario(ADDED_FIELD, TABLE, lambda i: [*_drifted("added", "note")])
    yield scenario(COMPACTED, TABLE, lambda i: [])


def _emptied(injury: Injury) -> Iterator[ExpectedFinding]:
    for path, last in injury.facts["lines"].items():
        yield from of_lines("missing", str(path), range(1, int(last) + 1))
    yield from counted("missing")


def _changed(injury: Injury) -> Iterator[ExpectedFinding]:
    yield foreign()
    for path, lines in places_of(injury).items():
        for line in lines:
            yield finding(TABLE, "content", "changed", detail="values", key={"file": path, "line": line})


def _unknown(injury: Injury) -> Iterator[ExpectedFinding]:
    yield foreign()
    yield finding(TABLE, "content", "unexpected", detail="no_file", key={"id": FAR + 99})
    yield from counted("unexpected")


def _drifted(detail: str, field: str) -> Iterator[ExpectedFinding]:
    yield finding(TABLE, "evolution", "schema_drift", detail=detail, key={"field": field})
    yield finding(VIEW, "served_table", "schema_drift", detail=detail)


def _loaded_again(injury: Injury) -> Iterator[ExpectedFinding]:
    yield of_file(TABLE, "loads", "duplicate", "replayed", str(injury.facts["places"][0][0]))
    yield from repeated(injury, "replayed")
    yield from counted("unexpected")
