"""Whether what is referred to, by the contracts of a pipeline, is a stage of it and a column there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from pydantic import ValidationError

from pipeline_checks.checks.registry import check
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.row_promises import References
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.verification.places import Path, Problem, nearest

KIND = "references"


def reference_problems(
    stages: Mapping[str, StageDeclaration], contracts: Mapping[str, Path], failed: Collection[str] = ()
) -> Iterator[Problem]:
    """Yield what is wrong with the references of stages whose promises are well formed.

    Parameters
    ----------
    stages:
        All stages of the pipeline by name: a reference may name one that stands behind.
    contracts:
        Where the contract of each stage was written.
    failed:
        Names of stages that could not be read; nothing is said of them.
    """
    told: set[Path] = set()
    for stage in stages.values():
        for reference in _references(stage):
            path = (*contracts[stage.name], KIND, reference.column)
            if path in told:
                continue  # a contract that several stages share is wrong once
            told.add(path)
            target = stages.get(reference.target)
            if target is None and reference.target not in failed:
                message = f"{reference.column} of {stage.name!r} refers to {reference.target!r}, which is no stage"
                yield Problem(path, message, nearest(reference.target, stages))
            elif target is not None:
                yield from _column_problems(stage, reference, target, path)


def _references(stage: StageDeclaration) -> tuple[References, ...]:
    found = check(KIND)
    if not found.applies_to(stage):
        return ()
    try:
        return tuple(m for m in found.measures(stage, found.configure(stage)) if isinstance(m, References))
    except (ValidationError, ConfigurationError):
        return ()  # told where the promises are validated


def _column_problems(
    stage: StageDeclaration, reference: References, target: StageDeclaration, path: Path
) -> Iterator[Problem]:
    columns = target.contract.columns
    if reference.target_column is not None:
        if columns and reference.target_column not in columns:
            message = f"{reference.column} of {stage.name!r} refers to {reference.target_column!r}, "
            message += f"which is no column of {target.name!r}"
            yield Problem(path, message, nearest(reference.target_column, columns))
    elif len(target.contract.key) != 1:
        message = f"{reference.column} of {stage.name!r} refers to {target.name!r}, whose key has not one column"
        yield Problem(path, message, "Name the column: stage.column.")
