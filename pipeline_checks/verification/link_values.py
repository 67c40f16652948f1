"""Values that a record must have from the one that it was made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.events import OFFSET, OP, PARTITION, ROW_OPERATIONS
from pipeline_checks.model.measure import KEY_SAMPLE, ChangedRow, RowDifference, Step
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.values.json_values import to_json_value
from pipeline_checks.verification.linked import (
    SOURCE,
    input_place,
    input_records,
    inputs_of,
    links_required,
    output_place,
    output_records,
)
from pipeline_checks.verification.pinning import Pinner
from pipeline_checks.verification.settled import Settled

if TYPE_CHECKING:
    from collections.abc import Sequence

_OF_INPUT = "__of_input_"


def copied_values(pipeline: Pipeline, pinner: Pinner, settled: Settled) -> RowDifference:
    """Return the records of a linked topic whose copied columns have other values than their inputs have."""
    import polars as pl

    stage = settled.declaration
    topics, links = inputs_of(pipeline, stage), links_required(stage)
    columns = list(links.copies)
    _require(topics, stage, columns)
    given = input_records(pinner, topics, columns).rename({c: f"{_OF_INPUT}{c}" for c in columns})
    made = output_records(pinner, [stage], topics, [OP, *columns]).filter(pl.col(OP).is_in(ROW_OPERATIONS))
    both = made.join(given, on=SOURCE, how="inner").sort(PARTITION, OFFSET)
    differs = [pl.col(c).ne_missing(pl.col(f"{_OF_INPUT}{c}").cast(made.schema[c])) for c in columns]
    wrong = both.filter(pl.any_horizontal(pl.lit(False), *differs))
    changed = []
    for row in wrong.head(KEY_SAMPLE).iter_rows(named=True):
        names = [c for c in columns if row[c] != row[f"{_OF_INPUT}{c}"]]
        expected = {c: to_json_value(row[f"{_OF_INPUT}{c}"]) for c in names}
        seen = {c: to_json_value(row[c]) for c in names}
        source, place = input_place(pinner, topics, row), output_place(row)
        changed.append(
            ChangedRow(
                key={links.partition: source.partition, links.offset: source.offset},
                expected=expected,
                seen=seen,
                stage=stage.name,
                position=place.position,
                steps=(Step(source.stage, source.position, expected), Step(stage.name, place.position, seen)),
            )
        )
    return RowDifference(
        rows=both.height,
        columns=tuple(columns),
        changed_total=wrong.height,
        changed=tuple(changed),
        against=tuple(t.name for t in topics),
    )


def _require(topics: Sequence[StageDeclaration], stage: StageDeclaration, columns: Sequence[str]) -> None:
    for topic in (*topics, stage):
        lost = next((c for c in columns if topic.contract.columns and c not in topic.contract.columns), None)
        if lost is not None:
            raise ConfigurationError(
                f"{topic.name} has no column {lost!r}, which {stage.name} copies.",
                next_step=f"Correct `links.copies` of {stage.name}, or add the column to the contract.",
            )
