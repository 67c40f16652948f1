"""What the answers of an API look like: where rows and position stand in them, how a position is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline_checks.model.secret import SecretSetting, SettingValue


class ApiEnvelope(BaseModel):
    """Where in an answer things stand: names of fields, with points between those inside of each other.

    ``items``: the rows; ``position``: the version or snapshot of the table that they are of; ``total``: how many rows
    there are in all, where it is told; ``more``: what is null or false on the last page.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    items: str = "items"
    position: str = "version"
    total: str | None = "total"
    more: str = "next"


class ApiKey(BaseModel):
    """The header in which the API wants a key, and where the key comes from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    header: str = Field(pattern=r"^[A-Za-z0-9-]+$")
    value: Annotated[SettingValue, SecretSetting]


class ApiSnapshots(BaseModel):
    """How the rows of one snapshot of an Iceberg table are asked for: ``resource`` is a path with ``{snapshot}`` in it.

    Limit and offset go beside ``body`` where the method is POST, else into the query.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    resource: str = Field(pattern=r"\{snapshot\}")
    method: Literal["GET", "POST"] = "GET"
    body: dict[str, Any] = Field(default_factory=dict)


def field_of(document: Any, name: str) -> Any:
    """Return what stands under a name with points in it; None when it is not there.

    >>> field_of({"meta": {"snapshot_id": "7"}}, "meta.snapshot_id")
    '7'
    """
    found = document
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
