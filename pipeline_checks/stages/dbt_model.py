"""Stages of kind ``dbt_model``: a table or view of a warehouse that dbt makes of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.stages.postgres import PostgresConnection

if TYPE_CHECKING:
    from pipeline_checks.stages.warehouse_reader import WarehouseReader

_NAME = r"^[^.]+\.[^.]+$"


class DbtModel(StageDeclaration):
    """What dbt has made as ``table``, written as ``schema.table``.

    ``runs`` is the table in which each run of dbt tells what it has seen: its rows have ``run_id``, ``finished_at``,
    ``built`` (whether all models were), ``error``, and ``loads``: a JSON object that maps each table of the warehouse
    to an object with the ``load_id`` that was newest then. The instant of the newest run that built is the position of
    the stage. ``tests`` is the table with what the tests of that run found: its rows have ``run_id``, ``test``,
    ``model``, ``severity``, ``status``, ``failures`` and ``message``.
    """

    kind: Literal["dbt_model"] = "dbt_model"
    connection: PostgresConnection
    table: str = Field(pattern=_NAME)
    runs: str = Field(pattern=_NAME)
    tests: str | None = Field(default=None, pattern=_NAME)

    @property
    def schema_and_table(self) -> tuple[str, str]:
        """The two names."""
        schema, _, table = self.table.partition(".")
        return schema, table


def open_stage(declaration: DbtModel) -> WarehouseReader:
    """Return the model as it can be asked."""
    from pipeline_checks.stages.warehouse_reader import WarehouseReader

    return WarehouseReader(declaration)
