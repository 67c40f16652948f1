"""Which engine computes over which form of rows. Engines are imported when first needed."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast

from pipeline_checks.clients.spark_rows import SparkRows
from pipeline_checks.engines.base import Engine

if TYPE_CHECKING:
    from pipeline_checks.model.stage import Rows

_ENGINES = {
    "polars": "polars_engine:PolarsEngine",
    "duckdb": "duckdb_engine:DuckdbEngine",
    "spark": "spark_engine:SparkEngine",
}


@cache
def engine(name: str) -> Engine:
    """Return the engine of that name (``duckdb``, ``polars`` or ``spark``)."""
    module, _, cls = _ENGINES[name].partition(":")
    return cast(Engine, getattr(import_module(f"pipeline_checks.engines.{module}"), cls)())


def engine_for(rows: Rows) -> Engine:
    """Return the engine that reads this form of rows best: polars and Spark their own, DuckDB everything in Arrow."""
    if isinstance(rows, SparkRows):
        return engine("spark")
    return engine("polars" if type(rows).__module__.partition(".")[0] == "polars" else "duckdb")
