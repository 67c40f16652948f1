"""Stages: what a user declares of one place where data rests or passes, and what a stage answers when asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, TypeAlias, runtime_checkable

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from pipeline_checks.model.contract import Contract
from pipeline_checks.model.duration import Duration
from pipeline_checks.model.measure import Grade, Measure, Measured
from pipeline_checks.model.ownership import Owners
from pipeline_checks.model.partitions import PartitionsDeclaration
from pipeline_checks.model.position import Position
from pipeline_checks.model.schema import Schema

if TYPE_CHECKING:
    import polars
    import pyarrow


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class StageDeclaration(BaseModel):
    """What every kind of stage is declared with. Each kind adds the fields it needs.

    ``from`` names the stages that this one is made from. ``columns`` maps a column of this stage to the upstream
    column or expression that it is computed from, where it differs. ``ignore`` are technical columns that no one
    promised. ``deadline`` is how long to wait for the stage to settle, ``lag_limit`` how far behind its upstream it
    may be before it counts as stalled. ``owners`` are who answers for it, where they are not the pipeline's. With
    ``partitions`` its rows are judged by day, or by a value, too.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: str = Field(pattern=r"^[A-Za-z0-9_]+$")
    kind: str
    from_: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = Field(default=(), alias="from")
    contract: Contract = Field(default_factory=Contract)
    columns: dict[str, str] = Field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    deadline: Duration = 60.0
    lag_limit: Duration = 30.0
    may_be_empty: bool = False
    blocking: bool = False
    external: bool = False
    description: str = ""
    owners: Owners = ()
    partitions: PartitionsDeclaration | None = None

    @property
    def holds_rows(self) -> bool:
        """Whether the stage has rows with columns and a key; a service has none."""
        return True

    @property
    def row_meaning(self) -> Literal["current", "changes", "dead_letters"]:
        """What a row stands for: ``current``: a key; ``changes``: an event; ``dead_letters``: a malformed record."""
        return "current"


if TYPE_CHECKING:
    Rows: TypeAlias = pyarrow.RecordBatchReader | pyarrow.Table | polars.LazyFrame
else:
    Rows = Any
"""Rows of a stage as an engine takes them."""


@dataclass(frozen=True)
class Reached:
    """The newest position of a stage and what of its upstream it covers.

    ``covers`` is the upstream position that the newest data holds everything up to (exclusive), None when the stage
    cannot say; ``commit`` names the commit that said so.
    """

    position: Position
    covers: Position | None = None
    commit: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class PinnedStage(Protocol):
    """A stage at one position; every answer is about that position."""

    @property
    def position(self) -> Position:
        """The position."""
        ...

    def schema(self) -> Schema:
        """Return the columns as found at the position."""
        ...

    def answer(self, measures: frozenset[Measure]) -> dict[Measure, Measured]:
        """Return those of ``measures`` that the system can tell cheaply: from metadata, or by computing them itself.

        What is left out is computed by an engine over ``rows``. ``Facts`` are always answered here, and an unknown
        topic of facts raises ``ConfigurationError``.
        """
        ...

    def rows(self, columns: Sequence[str] | None = None) -> Rows:
        """Return the rows, read anew at each call, with only ``columns`` when given."""
        ...


@runtime_checkable
class StageReader(Protocol):
    """A stage as it can be asked now. Opening it connects to nothing until a method is called.

    All methods raise ``TransientError`` when the system does not answer, ``TerminalError`` when the stage does not
    exist or cannot be read, ``ConfigurationError`` when its settings cannot work.
    """

    declaration: StageDeclaration

    def reached(self) -> Reached:
        """Return the newest position and what it covers."""
        ...

    def at(self, position: Position) -> PinnedStage:
        """Return the stage at a position that ``reached`` returned before."""
        ...

    def close(self) -> None:
        """Give back connections."""
        ...


def exact(value: Any) -> Measured:
    """Return ``value`` as exactly known."""
    return Measured(value, Grade.EXACT)
