"""Which columns a stage is promised to have: by its contract, by its derived columns, else by its upstream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline_checks.model.events import EVENT_COLUMNS
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.schema import Schema, SchemaField
from pipeline_checks.model.stage import StageDeclaration


@dataclass(frozen=True)
class PromisedColumn:
    """A column that the stage must have; ``type`` and ``nullable`` are None where nothing is promised of them."""

    type: LogicalType | None = None
    nullable: bool | None = None


def promised_columns(stage: StageDeclaration, upstream: Mapping[str, Schema]) -> dict[str, PromisedColumn]:
    """Return the promised columns by name; empty when neither contract nor upstream tells."""
    contract = stage.contract.columns
    promised = {name: PromisedColumn(c.type, c.nullable) for name, c in contract.items()}
    if not contract and upstream:
        renamed = set(stage.columns.values())
        for field in _row_fields(upstream):
            if field.name not in renamed:
                promised[field.name] = PromisedColumn(field.type)
    for name in stage.columns:
        if name not in promised:
            source = upstream_column(stage, upstream, name)
            promised[name] = PromisedColumn(source.type if source else None)
    return promised


def upstream_column(stage: StageDeclaration, upstream: Mapping[str, Schema], name: str) -> SchemaField | None:
    """Return the upstream column that a column holds unchanged; None when it is computed, or has none."""
    source = stage.columns.get(name, name)
    return next((f for f in _row_fields(upstream) if f.name == source), None)


def is_technical(stage: StageDeclaration, name: str) -> bool:
    """Whether no one promised the column: it is ignored by declaration, or says what the record of a topic was."""
    return name in stage.ignore or name in EVENT_COLUMNS


def _row_fields(upstream: Mapping[str, Schema]) -> list[SchemaField]:
    return [f for schema in upstream.values() for f in schema.fields if f.name not in EVENT_COLUMNS]
