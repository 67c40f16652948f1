"""What is promised of a stage: columns with logical types, the key, the event time; all else is kept as promises."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline_checks.model.logical_type import LogicalType


class Column(BaseModel):
    """One promised column.

    A bare type name (``int64``) is short for ``{type: int64}``. ``nullable`` says whether NULL is allowed.
    ``computed`` is the SQL over one upstream row that gives the column at the stage whose upstream does not have it.
    Every further field (``min``, ``max``, ``accepted``, ``matches``, ...) is a promise of the check module that
    reads it; see ``promises``.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    type: LogicalType
    nullable: bool = True
    computed: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_type_name(cls, value: Any) -> Any:
        return {"type": value} if isinstance(value, str | LogicalType) else value

    @property
    def promises(self) -> dict[str, Any]:
        """The promises about values of this column, by name."""
        return dict(self.model_extra or {})


class Contract(BaseModel):
    """The promises of a stage.

    ``key`` are the columns that identify a row (``key: []`` says that nothing does); ``event_time`` is the column that
    tells when the row was last true in its source. Every other field (``freshness``, ``latency``, ...) is a promise
    that the check module of that name turns into its own typed configuration; see ``promises``.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    key: tuple[str, ...] = ()
    event_time: str | None = None
    columns: dict[str, Column] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_exist(self) -> Contract:
        if self.columns:
            for field, names in (("key", self.key), ("event_time", (self.event_time,) if self.event_time else ())):
                for name in names:
                    if name not in self.columns:
                        known = ", ".join(self.columns)
                        raise ValueError(f"{field} names {name!r}, which is not among the columns ({known})")
        return self

    @property
    def says_no_key(self) -> bool:
        """Whether it is said that nothing identifies a row; not to name a key is a mistake."""
        return not self.key and "key" in self.model_fields_set

    @property
    def promises(self) -> dict[str, Any]:
        """The promises besides columns, key and event time, by the name of their check."""
        return dict(self.model_extra or {})
