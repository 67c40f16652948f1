"""Results as Dagster metadata: the only place where values are converted. Keys are stable, for the plots of the UI."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from pipeline_checks.model.finding import Finding
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.measure import Grade
from pipeline_checks.model.result import CheckResult, StageResult
from pipeline_checks.model.schema import Schema

SAMPLE_ROWS = 50
"""Rows of a table in metadata; the whole stands in the report. 100,000 rows cost 11 MB and 4 CPU seconds an event."""
CELL_CHARACTERS = 200
"""Characters of a cell."""


def of_stage(result: StageResult) -> dict[str, Any]:
    """Return the metadata of a settled stage."""
    found: dict[str, Any] = {
        "verdict": settled_word(result),
        "position": plain(None if result.position is None else result.position.to_json()),
        "covers_cut": "unknown" if result.covers_cut is None else result.covers_cut,
        "waited_seconds": round(float(result.waited_seconds), 3),
    }
    if result.lag_seconds is not None:
        found["lag_seconds"] = round(float(result.lag_seconds), 3)
    if result.rows is not None:
        found["rows_grade"] = str(result.rows.grade)
        if isinstance(result.rows.value, int):
            found["rows"] = int(result.rows.value)
            if result.rows.grade is Grade.EXACT:
                found["dagster/row_count"] = int(result.rows.value)
    if result.schema is not None:
        found["dagster/column_schema"] = column_schema(result.schema)
    if result.problem:
        found["problem"] = truncated(result.problem, 2000)
    return found


def settled_word(result: StageResult) -> str:
    """Return how settling went: ``SETTLED``, ``UNSETTLED``, or ``ERROR`` when the stage could not be read."""
    if result.problem:
        return "ERROR"
    return "SETTLED" if result.covers_cut else "UNSETTLED"


def of_check(result: CheckResult, stage: StageResult | None) -> dict[str, Any]:
    """Return the metadata of a judged check; ``stage`` is where the stage stood."""
    judgement = result.judgement
    found: dict[str, Any] = {
        "verdict": str(result.verdict),
        "message": truncated(judgement.message, 2000),
        "seconds": round(float(result.seconds), 4),
        "findings_total": int(judgement.total),
    }
    for name, count in judgement.looked_at.items():
        found[f"looked_at_{name}"] = int(count)
    for name, value in judgement.measures.items():
        found.setdefault(name, plain(value))
    if stage is not None:
        found |= {k: v for k, v in of_stage(stage).items() if k in ("position", "rows", "rows_grade", "lag_seconds")}
    if judgement.findings:
        found["findings"] = findings_table(judgement.findings)
    document = result.to_json()
    document["findings"] = document["findings"][:SAMPLE_ROWS]
    found["json"] = dg.MetadataValue.json(jsonable(document))
    return found


def findings_table(findings: Sequence[Finding]) -> dg.TableMetadataValue:
    """Return a sample of findings as a table."""
    columns = ("kind", "key", "stage", "position", "expected", "seen", "message")
    rows = [f.to_json() for f in findings[:SAMPLE_ROWS]]
    return dg.MetadataValue.table(
        records=[dg.TableRecord({c: truncated(cell_text(row[c]), CELL_CHARACTERS) for c in columns}) for row in rows],
        schema=dg.TableSchema(columns=[dg.TableColumn(c, "string") for c in columns]),
    )


def column_schema(schema: Schema) -> dg.TableSchema:
    """Return a schema as Dagster shows it."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(f.name, str(f.type), constraints=dg.TableColumnConstraints(nullable=f.nullable))
            for f in schema.fields
        ]
    )


def promised_columns(columns: Mapping[str, tuple[LogicalType, bool]]) -> dg.TableSchema:
    """Return promised columns (name to type and whether NULL is allowed) as Dagster shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(name, str(kind), constraints=dg.TableColumnConstraints(nullable=nullable))
            for name, (kind, nullable) in columns.items()
        ]
    )


def plain(value: Any) -> Any:
    """Return a value as Dagster's metadata takes it: numbers and text stay, mappings and lists become JSON."""
    item = getattr(value, "item", None)
    if callable(item):  # a number of numpy, which Dagster refuses
        value = item()
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return truncated(value, 2000)
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return dg.MetadataValue.json(jsonable(value))
    return str(value)


def jsonable(value: Any) -> Any:
    """Return a value that JSON can hold: decimals, times and unknown things become text, a number no JSON has null."""
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, Mapping):
        return {str(k): jsonable(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(v) for v in value]
    return str(value)


def cell_text(value: Any) -> str:
    """Return a value as the text of a cell."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(jsonable(value), ensure_ascii=False)


def truncated(text: str, limit: int) -> str:
    """Return the text, shortened to ``limit`` characters with a mark at its end."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
