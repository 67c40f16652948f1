"""Lake tables as a fault writes to them: behind the mover's back, or in its name; and taken back to the bit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from pipeline_checks.model.errors import PipelineChecksError, TerminalError
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.stages.registry import open_stage

if TYPE_CHECKING:
    import pyarrow

LAKE_KINDS = ("delta_table", "iceberg_table")


class LakeTable(Protocol):
    """One lake table.

    A commit that carries ``covers`` passes for one of the mover's; one with None is a stranger's.
    """

    def mark(self) -> dict[str, Any]:
        """Return what ``restore`` needs to bring back the table as it is now (JSON values)."""
        ...

    def restore(self, mark: Mapping[str, Any]) -> None:
        """Bring back the table as it was at the mark: no commit made since remains in its history.

        Raises TerminalError when someone else has written to it since.
        """
        ...

    def rows(self) -> pyarrow.Table:
        """Return all rows with all columns."""
        ...

    def versions(self) -> Iterator[pyarrow.Table]:
        """Yield the rows of earlier versions, the newest first, as far as they can still be read."""
        ...

    def replace(self, rows: pyarrow.Table, covers: OffsetsPosition | None) -> None:
        """Commit these rows in place of all others, in one commit; their columns become those of the table."""
        ...

    def append(self, rows: pyarrow.Table, covers: OffsetsPosition | None) -> None:
        """Commit further rows."""
        ...

    def advance(self, covers: OffsetsPosition) -> None:
        """Commit no rows, only what the table is said to cover."""
        ...

    def rename_column(self, name: str, to: str) -> None:
        """Give a column another name, as the format does it."""
        ...

    def commits_since(self, mark: Mapping[str, Any]) -> list[str]:
        """Return the versions (or snapshot ids) made since the mark, oldest first."""
        ...


def lake_table(stage: StageDeclaration) -> LakeTable:
    """Return the table of a stage of a lake."""
    from pipeline_checks.faults import delta_lake, iceberg_lake
    from pipeline_checks.stages.delta import DeltaTable
    from pipeline_checks.stages.iceberg import IcebergTable

    if isinstance(stage, DeltaTable):
        return delta_lake.DamagedDelta(stage)
    if isinstance(stage, IcebergTable):
        return iceberg_lake.DamagedIceberg(stage)
    raise TerminalError(f"{stage.name} is no table of a lake.", next_step=f"Name a stage of {', '.join(LAKE_KINDS)}.")


def covers_of(stage: StageDeclaration) -> OffsetsPosition:
    """Return what the table's newest commit says that it covers; raises TerminalError when none does."""
    reader = open_stage(stage)
    try:
        covers = reader.reached().covers
    finally:
        reader.close()
    if not isinstance(covers, OffsetsPosition):
        raise TerminalError(
            f"no commit of {stage.name} says what it covers.", next_step="Let the flow write to it first."
        )
    return covers


def written_on(stage: StageDeclaration) -> PipelineChecksError:
    """Return the error of a table that cannot be taken back since others have written to it."""
    return TerminalError(
        f"{stage.name} has been written to since it was damaged: taking it back would undo that too.",
        next_step="Repair the rows, and name the damaging commit under `continuity: {acknowledged: [...]}`.",
    )
