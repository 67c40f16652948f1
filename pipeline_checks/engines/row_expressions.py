"""Rows for which a promised SQL expression does not hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline_checks.engines.base import RowFactory
from pipeline_checks.engines.sql import quoted, shut_in, text
from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError
from pipeline_checks.model.measure import KEY_SAMPLE, ViolationSample
from pipeline_checks.model.row_promises import BrokenExpression, BrokenRows
from pipeline_checks.values.json_values import to_json_value

if TYPE_CHECKING:
    import duckdb

_ROWS = "stage_rows"


def broken_rows(rows: RowFactory, measure: BrokenExpression) -> BrokenRows:
    """Return how many rows there are, and those for which the expression is false.

    A row for which it is NULL keeps the promise, as with a CHECK constraint. The expression (DuckDB's SQL) sees the
    columns of its row and nothing else: no files, no settings. Raises ConfigurationError for one that cannot be
    computed.
    """
    import duckdb

    read = list(dict.fromkeys((*measure.key, *measure.columns)))
    source: Any = rows(read if measure.columns else None)
    if hasattr(source, "collect"):
        source = source.collect(engine="streaming").to_arrow()
    with shut_in() as connection:
        connection.register(_ROWS, source)
        try:
            return _broken(connection, measure, read)
        except PipelineChecksError:
            raise
        except duckdb.Error as problem:
            raise ConfigurationError(
                f"the expression {measure.expression!r} cannot be computed: {problem}",
                next_step="Correct it under `expressions` of the contract; it is SQL over one row of the stage.",
            ) from None


def _broken(connection: duckdb.DuckDBPyConnection, measure: BrokenExpression, read: list[str]) -> BrokenRows:
    """One pass: the rows are counted while the first of those that break the promise, by key, are kept."""
    named = ", ".join(f"{text(c)}: {quoted(c)}" for c in read)
    statement = (
        "SELECT count(*) AS total, count(*) FILTER (WHERE NOT holds) AS broken,"
        f" min(shown, {KEY_SAMPLE}) FILTER (WHERE NOT holds) AS sample"
        f" FROM (SELECT {{{named}}} AS shown, CAST(({measure.expression}) AS BOOLEAN) AS holds FROM {_ROWS}) AS judged"
    )
    (found,) = connection.sql(statement).to_arrow_table().to_pylist()
    sample = tuple(
        (
            {k: to_json_value(row[k]) for k in measure.key},
            {c: to_json_value(row[c]) for c in measure.columns if c not in measure.key},
        )
        for row in found["sample"] or ()
    )
    return BrokenRows(int(found["total"]), ViolationSample(int(found["broken"]), sample))
