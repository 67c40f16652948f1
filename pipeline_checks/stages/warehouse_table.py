"""Stages of kind ``warehouse_table``: a table of a warehouse, loaded from a table of a lake version by version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.stages.postgres import PostgresConnection

if TYPE_CHECKING:
    from pipeline_checks.stages.warehouse_reader import WarehouseReader

_NAME = r"^[^.]+\.[^.]+$"


class WarehouseTable(StageDeclaration):
    """A table of a warehouse in Postgres, ``table`` written as ``schema.table``.

    ``loads`` is the table in which each load tells the version of the upstream that it brought: its rows have
    ``load_id`` (which rises), ``table_name``, ``delta_version`` (NULL where it is loaded from files), ``loaded_rows``
    and ``loaded_at``. The newest load is the position of the stage.
    """

    kind: Literal["warehouse_table"] = "warehouse_table"
    connection: PostgresConnection
    table: str = Field(pattern=_NAME)
    loads: str | None = Field(default=None, pattern=_NAME)

    @property
    def schema_and_table(self) -> tuple[str, str]:
        """The two names."""
        schema, _, table = self.table.partition(".")
        return schema, table


def open_stage(declaration: WarehouseTable) -> WarehouseReader:
    """Return the table as it can be asked."""
    from pipeline_checks.stages.warehouse_reader import WarehouseReader

    return WarehouseReader(declaration)
