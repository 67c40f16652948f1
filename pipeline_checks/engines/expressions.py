"""Columns computed from other columns of the same row by SQL expressions, as derived columns are declared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipeline_checks.engines.sql import quoted, shut_in
from pipeline_checks.model.errors import ConfigurationError

if TYPE_CHECKING:
    import pyarrow


def computed(rows: pyarrow.Table, expressions: Mapping[str, str]) -> pyarrow.Table:
    """Return one column for each expression (DuckDB's SQL) over the rows, in their order.

    An expression sees the columns of its row and nothing else: no files, no other tables. Raises ConfigurationError
    for one that cannot be computed.
    """
    import duckdb

    items = ", ".join(f"({expression}) AS {quoted(name)}" for name, expression in expressions.items())
    with shut_in() as connection:
        connection.register("rows", rows)
        try:
            return connection.sql(f"SELECT {items} FROM rows").to_arrow_table()
        except duckdb.Error as problem:
            told = "; ".join(f"{name}: {expression}" for name, expression in expressions.items())
            raise ConfigurationError(
                f"a derived column cannot be computed ({told}): {problem}",
                next_step="Correct the expression under `columns` of the stage; it is SQL over one upstream row.",
            ) from None
