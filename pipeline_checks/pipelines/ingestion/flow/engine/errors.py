"""What stops a file or a run, by a word that programs can read."""

from __future__ import annotations

from typing import Final, Literal

from pipeline_checks.model.errors import PipelineChecksError

ErrorType = Literal[
    "MALFORMED_RECORD",
    "SCHEMA_INCOMPATIBLE",
    "SCHEMA_EVOLUTION_DISABLED",
    "FILE_CHANGED",
    "FILE_NOT_FOUND",
    "FILE_UNREADABLE",
    "REPLACE_NOT_POSSIBLE",
    "CATALOG_UNKNOWN",
    "SOURCE_UNAVAILABLE",
    "CLUSTER_UNAVAILABLE",
    "WRITE_FAILED",
]

OF_A_RUN: Final[frozenset[ErrorType]] = frozenset({"CATALOG_UNKNOWN", "SOURCE_UNAVAILABLE", "CLUSTER_UNAVAILABLE"})
"""What stops every file alike: a run ends with it, and tries no other file."""


class EngineError(PipelineChecksError):
    """A file was not loaded and nothing of it is in the table; or, with a type of ``OF_A_RUN``, none can be.

    Parameters
    ----------
    error_type:
        Why, as a word that programs can read.
    message, next_step:
        As everywhere: what is wrong, and what the reader can do.
    line, lines:
        For MALFORMED_RECORD: the first line (from 1) that cannot be read, and how many cannot.
    column, old_type, new_type:
        For SCHEMA_INCOMPATIBLE: which column, what the table holds and what the file brings.
    """

    def __init__(
        self,
        error_type: ErrorType,
        message: str,
        *,
        next_step: str = "",
        line: int | None = None,
        lines: int | None = None,
        column: str | None = None,
        old_type: str | None = None,
        new_type: str | None = None,
    ) -> None:
        facts = {"line": line, "lines": lines, "column": column, "old_type": old_type, "new_type": new_type}
        known = {name: value for name, value in facts.items() if value is not None}
        super().__init__(message, next_step=next_step, error_type=error_type, **known)
        self.error_type: ErrorType = error_type
        self.line = line
        self.lines = lines
        self.column = column
        self.old_type = old_type
        self.new_type = new_type

    @property
    def stops_the_run(self) -> bool:
        """Whether no other file can be loaded either."""
        return self.error_type in OF_A_RUN
