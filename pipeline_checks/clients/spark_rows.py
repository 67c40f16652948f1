"""Rows that lie in Spark: an engine asks Spark about them; whoever iterates over them gets them as Arrow batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pipeline_checks.clients.spark_connect import is_connected, translated
from pipeline_checks.model.errors import TerminalError

if TYPE_CHECKING:
    import pyarrow
    from pyspark.sql import DataFrame

Ask = Callable[[Any, Any], Any]
"""Takes a data frame and the module of functions for its columns, and returns the data frame of the answer."""


class SparkRows:
    """Rows of a data frame of Spark, read anew at each use.

    It is to Arrow's readers what ``pyarrow.RecordBatchReader`` is to them, so that all that computes over Arrow takes
    it, with the rows streamed here; ``ask`` lets Spark compute instead.

    Parameters
    ----------
    frame:
        All rows at one version, with all columns.
    what:
        What is being read, for messages.
    columns:
        The columns wanted; all where None.
    """

    def __init__(self, frame: DataFrame, what: str, columns: Sequence[str] | None = None) -> None:
        self._what = what
        with translated(what):
            names = list(frame.columns)
        wanted = names if columns is None else list(dict.fromkeys(columns))
        missing = [name for name in wanted if name not in names]
        if missing:
            raise TerminalError(
                f"{what}: there is no column {missing[0]!r}.", next_step=f"The columns are: {', '.join(names)}."
            )
        self._frame = frame.select(*map(quoted, wanted))

    @cached_property
    def schema(self) -> pyarrow.Schema:
        """The columns in their Arrow types."""
        from pyspark.sql.pandas.types import to_arrow_schema

        with translated(self._what):
            return to_arrow_schema(self._frame.schema)

    def ask(self, made: Ask) -> pyarrow.Table:
        """Return what Spark answers to a question about the rows."""
        with translated(self._what):
            answer: pyarrow.Table = made(self._frame, self.functions).toArrow()
            return answer

    @property
    def functions(self) -> Any:
        """Spark's functions over columns, those of the kind of session that the rows lie in."""
        if is_connected(self._frame.sparkSession):
            from pyspark.sql.connect import functions as connected

            return connected
        from pyspark.sql import functions

        return functions

    def read_all(self) -> pyarrow.Table:
        """Return the rows as one table."""
        import pyarrow as pa

        return pa.Table.from_batches(self, self.schema)

    def __iter__(self) -> Iterator[pyarrow.RecordBatch]:
        with translated(self._what):
            for table in self._tables():
                yield from table.cast(self.schema).to_batches()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Give the rows to any reader of Arrow's stream interface."""
        import pyarrow as pa

        reader = pa.RecordBatchReader.from_batches(self.schema, iter(self))
        return reader.__arrow_c_stream__(requested_schema)

    def _tables(self) -> Iterator[pyarrow.Table]:
        import pyarrow as pa

        frame: Any = self._frame
        if not is_connected(self._frame.sparkSession):
            yield frame.toArrow()  # a session of this process has no stream of Arrow
            return
        client = frame.sparkSession.client
        # What toLocalIterator reads its rows from: batches as they come, so that the rows never lie here all at once.
        for part in client.to_table_as_iterator(frame._plan.to_proto(client), frame._plan.observations):
            if isinstance(part, pa.Table):
                yield part


def quoted(name: str) -> str:
    """Return the name of a column as Spark takes it.

    >>> quoted("a`b.c")
    '`a``b.c`'
    """
    return "`" + name.replace("`", "``") + "`"
