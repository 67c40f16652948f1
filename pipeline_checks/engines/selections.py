"""Rows of a stage brought into named columns by SQL expressions, each over one row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pipeline_checks.engines.sql import quoted, shut_in
from pipeline_checks.model.errors import ConfigurationError

if TYPE_CHECKING:
    import polars
    import pyarrow

_ROWS = "stage_rows"


def selected(
    rows: pyarrow.Table, columns: Iterable[tuple[str, str]], where: str | None = None, what: str = "rows"
) -> polars.DataFrame:
    """Return the named expressions (DuckDB's SQL) of the rows for which ``where`` holds.

    An expression sees the columns of its rows and nothing else, and may be a window over them. ``what`` names the
    stage in an error. Raises ConfigurationError for an expression that cannot be computed.
    """
    import duckdb

    items = ", ".join(f"({expression}) AS {quoted(name)}" for name, expression in columns)
    condition = f" WHERE ({where})" if where else ""
    with shut_in() as connection:
        connection.register(_ROWS, rows)
        try:
            found: polars.DataFrame = connection.sql(f"SELECT {items} FROM {_ROWS}{condition}").pl()
            return found
        except duckdb.Error as problem:
            raise ConfigurationError(
                f"{what}: {str(problem).splitlines()[0]}",
                next_step="Correct the expression in the contract; it is SQL over the columns of the stage.",
            ) from None
