"""Rows of settled stages, brought into the named columns that a promise about several stages compares."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pipeline_checks.engines.selections import selected
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.events import OP, ROW_OPERATIONS
from pipeline_checks.model.kinds import TOPIC_KINDS
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.values.json_values import to_json_value
from pipeline_checks.verification.history import IN_CUT
from pipeline_checks.verification.pinning import Pinner

if TYPE_CHECKING:
    import polars
    import pyarrow

KEY = "__key_"
"""Before the name of each column that tells a row, so that it is no other column's."""


def stage_named(pipeline: Pipeline, name: str, whose: str) -> StageDeclaration:
    """Return the stage of that name; raises ConfigurationError when the promise of ``whose`` names none."""
    try:
        return pipeline.stage(name)
    except KeyError:
        raise ConfigurationError(
            f"{whose} names {name!r}, which is no stage of {pipeline.name}.",
            next_step=f"Its stages are: {', '.join(s.name for s in pipeline.stages)}.",
        ) from None


def rows_of(
    pinner: Pinner,
    stage: StageDeclaration,
    columns: Sequence[tuple[str, str]],
    where: str | None = None,
    *,
    with_malformed: bool = False,
) -> polars.DataFrame:
    """Return the named expressions over the rows of a stage where it is pinned.

    Of a topic these are its records up to where the tables made of it have got, those without a row only where
    ``with_malformed``; beside the columns is ``IN_CUT``.
    """
    table = table_of(pinner, stage, with_malformed)
    beside = [(IN_CUT, f'"{IN_CUT}"')] if stage.kind in TOPIC_KINDS else []
    return selected(table, [*columns, *beside], where, stage.name)


def table_of(pinner: Pinner, stage: StageDeclaration, with_malformed: bool) -> pyarrow.Table:
    """Return all columns of the rows of a stage where it is pinned; of a topic its records, malformed ones if asked."""
    import polars as pl
    import pyarrow as pa

    pinned = pinner.settled(stage).readable()
    if stage.kind in TOPIC_KINDS:
        frame = pinner.history(stage.name).rows(list(stage.contract.columns))
        return (frame if with_malformed else frame.filter(pl.col(OP).is_in(ROW_OPERATIONS))).to_arrow()
    rows: Any = pinned.rows(None)
    if hasattr(rows, "collect"):
        return rows.collect(engine="streaming").to_arrow()
    return rows if isinstance(rows, pa.Table) else rows.read_all()


def aligned(frame: polars.DataFrame, to: polars.DataFrame, names: Iterable[str]) -> polars.DataFrame:
    """Return the frame with the key columns in the types that they have in another; a value without a place is NULL."""
    import polars as pl

    return frame.with_columns(pl.col(n).cast(to.schema[n], strict=False) for n in names)


def widened(frame: polars.DataFrame) -> polars.DataFrame:
    """Return the frame with all integers of one width, as stages differ in it."""
    import polars as pl

    return frame.with_columns(pl.col(n).cast(pl.Int64) for n, t in frame.schema.items() if t.is_integer())


def json_row(row: dict[str, Any], names: Iterable[str], prefix: str = KEY) -> dict[str, Any]:
    """Return the values of a row under their own names, as JSON values."""
    return {name: to_json_value(row[f"{prefix}{name}"]) for name in names}
