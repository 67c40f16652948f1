"""What the API answers, as its OpenAPI document tells it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, create_model

from pipeline_checks.pipelines.cdc.flow.tables import Table

Amount = Annotated[str, WithJsonSchema({"type": "string", "format": "decimal"})]
"""A decimal as text, so that no reader rounds it."""


def item_model(table: Table) -> type[BaseModel]:
    """Return the model of a table's rows: its columns; the key is always there, every other may be null."""
    kinds: dict[str, Any] = {"int64": int, "string": str, "timestamp": datetime}
    fields: dict[str, Any] = {}
    for name, lake in table.lake_columns.items():
        kind = Amount if lake.startswith("decimal") else kinds[lake]
        fields[name] = (kind, ...) if name == table.key else (kind | None, None)
    for name, parts, between in table.joined:
        described = Field(None, description=f"{', '.join(parts)} joined by {between!r}")
        fields[name] = (str | None, described)
    # A column added to the source in mid-stream is served before this document knows it.
    config = ConfigDict(extra="allow")
    return create_model(table.name.removesuffix("s").capitalize(), __config__=config, **fields)


def page_model(item: type[BaseModel]) -> type[BaseModel]:
    """Return the model of a page of rows."""
    return create_model(
        f"{item.__name__}Page",
        version=(int, Field(description="version of the Delta table that the page was read from")),
        total=(int, Field(description="rows of the table at that version")),
        items=(list[item], ...),  # type: ignore[valid-type]
        next=(str | None, Field(None, description="cursor of the next page, null at the end")),
    )


class VersionEntry(BaseModel):
    """One version that was the newest, with the time from which on it could be asked for."""

    version: int
    committed_at: datetime | None
    loaded_at: datetime


class TableHealth(BaseModel):
    """What of a table is served."""

    version: int
    rows: int
    loaded_at: datetime


class Health(BaseModel):
    """Whether every table can be asked for."""

    ready: bool
    message: str
    tables: dict[str, TableHealth | None]


class Problem(BaseModel):
    """Why a request was refused."""

    detail: str
