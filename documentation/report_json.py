"""The page of the JSON report: every name in it, from a report made here with everything that can stand in one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from documentation.markdown import head, table, text
from pipeline_checks.model.cut import Cut, TransactionSnapshot
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.measure import Grade, Measured
from pipeline_checks.model.position import LsnPosition, OffsetsPosition, VersionPosition
from pipeline_checks.model.result import SCHEMA_VERSION, CheckResult, RunResult, StageResult
from pipeline_checks.model.schema import Schema, SchemaField
from pipeline_checks.model.verdict import Judgement, Verdict
from pipeline_checks.reports.json import document

_OF_NAME: Final = {
    "schema_version": "the version of this form; a name that changes makes it greater",
    "run_id": "the run, as the ledger knows it",
    "pipeline": "the name of the pipeline",
    "verdict": "the worst of all checks: see [verdicts](verdicts.md)",
    "started_at": "an instant",
    "seconds": "how long the run took",
    "cut": "the set of source transactions that was compared, or null where the source has none",
    "cut.kind": "how the cut was taken",
    "cut.lsn": "the mark behind every transaction of the cut",
    "cut.snapshot": "`xmin:xmax:in progress`: which transactions belong to it",
    "cut.taken_at": "an instant",
    "stages[].name": "the name of the stage",
    "stages[].kind": "its kind",
    "stages[].position": "what was looked at; null when it could not be told",
    "stages[].position.kind": "`lsn`, `offsets`, `version`, `snapshot`, `files` or `instant`",
    "stages[].position.value": "of offsets: topic to partition to the next offset",
    "stages[].covers_cut": "whether it holds everything of the cut; null when it cannot say",
    "stages[].rows": "null when they were not counted",
    "stages[].rows.value": "how many",
    "stages[].rows.grade": "`exact`, `bound` or `unknown`",
    "stages[].schema[].name": "a column as found",
    "stages[].schema[].type": "its logical type",
    "stages[].schema[].nullable": "whether NULL is allowed",
    "stages[].schema[].id": "what stays when it is renamed, where the system has such a thing",
    "stages[].lag_seconds": "how far it is behind, null when not known",
    "stages[].problem": "why it could not be settled or read, empty when it could",
    "checks[].stage": "the stage that was judged",
    "checks[].check": "the kind of check",
    "checks[].verdict": "PASS, WARN, FAIL, UNSETTLED or ERROR",
    "checks[].message": "the verdict as a sentence",
    "checks[].looked_at": "what was looked at, by kind: rows, events, requests, tasks",
    "checks[].measures": "numbers of the check, by name",
    "checks[].findings": "located evidence; at most as many as the run keeps",
    "checks[].findings[].kind": "see [kinds of findings](verdicts.md#kinds-of-findings)",
    "checks[].findings[].key": "the key of the row by column, null where it is not about one row",
    "checks[].findings[].stage": "the first stage where it went wrong",
    "checks[].findings[].position": "where in that stage, or null",
    "checks[].findings[].position.kind": "as of a stage",
    "checks[].findings[].position.value": "as of a stage",
    "checks[].findings[].expected": "any value",
    "checks[].findings[].seen": "any value",
    "checks[].findings[].message": "the finding as a sentence",
    "checks[].findings[].detail": "the finer class or the column; left out where there is none",
    "checks[].findings_total": "how many there are, also those that are not listed",
    "checks[].seconds": "how long the check took",
    "messages": "warnings about the run itself; left out when there are none",
}
_WHOLE: Final = (
    *("checks[].looked_at", "checks[].measures", "checks[].findings[].key", "stages[].position.value"),
    "checks[].findings[].position.value",
)
"""Names below which everything is data."""
_TYPES: Final = {
    str: "text",
    int: "number",
    float: "number",
    bool: "true or false",
    type(None): "any",
    dict: "mapping",
    list: "list",
}
_INTRODUCTION = (
    "`pipeline-checks check --json FILE` (and `run`) writes one document of a pipeline. With several pipelines it is "
    f'`{{"schema_version": {SCHEMA_VERSION}, "verdict": ..., "pipelines": [...]}}`, one such document in each place. '
    "Keys are JSON values; decimals and times are text.",
)


def page() -> str:
    """Return the page; raises AssertionError naming what stands in a report or in this module and not in both."""
    example = document([sample()])
    found = dict(_names(example))
    assert set(found) == set(_OF_NAME), sorted(set(found) ^ set(_OF_NAME))
    lines = head("The JSON report", *_INTRODUCTION)
    lines += table(("name", "type", "says"), ((f"`{n}`", found[n], said) for n, said in _OF_NAME.items()))
    lines += ["## Example", "", "```json", json.dumps(example, indent=2), "```", ""]
    return text(lines)


def sample() -> RunResult:
    """Return a result with everything that can stand in one."""
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    finding = Finding(
        "changed",
        "orders_lake",
        "order_id 42 has other values in orders_lake (total)",
        key={"order_id": 42},
        position=VersionPosition(57),
        detail="total",
        expected="10.00",
        seen="9.00",
    )
    schema = Schema((SchemaField("order_id", LogicalType("int64"), nullable=False, id="1"),))
    rows = Measured(3, Grade.EXACT)
    cut = Cut(lsn=0x2016948, snapshot=TransactionSnapshot.parse("741:741:"), taken_at=at)
    return RunResult(
        run_id="0190a6f0",
        pipeline="shop",
        started_at=at,
        seconds=1.5,
        cut=cut,
        stages=(
            StageResult(
                "orders_source", "postgres_table", LsnPosition(0x2016948), True, Measured(3, Grade.EXACT), schema
            ),
            StageResult("orders_topic", "debezium_topic", OffsetsPosition.of({"shop.orders": {0: 3}}), True),
            StageResult("orders_lake", "delta_table", VersionPosition(57), True, rows, schema, 0.0),
        ),
        checks=(
            CheckResult(
                "orders_lake",
                "reconcile",
                Judgement(Verdict.FAIL, "1 row differs", {"rows": 3}, {"differing": 1}, (finding,)),
                0.25,
            ),
        ),
        messages=("the ledger could not be written",),
    )


def _names(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and path not in _WHOLE:
        if path in _OF_NAME:
            yield path, "mapping"
        for name, inner in value.items():
            yield from _names(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        if path in _OF_NAME:
            yield path, "list"
        for inner in value:
            yield from _names(inner, f"{path}[]")
    elif not (isinstance(value, list) and not value):
        kind = (
            "mapping" if isinstance(value, dict) else "list of text" if isinstance(value, list) else _TYPES[type(value)]
        )
        yield path, kind
