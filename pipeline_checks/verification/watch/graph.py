"""Which stages have to be looked at because another one moved."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pipeline_checks.model.kinds import GROUP_KINDS
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.verification.watch.kinds import CARRIED_KINDS


def carried_by(pipeline: Pipeline, moved: StageDeclaration, still: Collection[str]) -> Iterator[StageDeclaration]:
    """Return the stages that move with another one, as they have no position of their own.

    These are those among ``still`` (names of views) and of kinds whose position is the time; also one behind another.
    """
    carrying = {moved.name}
    for stage in pipeline.stages:
        if (stage.name in still or stage.kind in CARRIED_KINDS) and carrying & set(stage.from_):
            carrying.add(stage.name)
            yield stage


def next_behind(pipeline: Pipeline, moved: StageDeclaration) -> Iterator[StageDeclaration]:
    """Return the stages that have to move after another one has.

    A connector moves too, but has no rows: it is the stages behind it that show whether it did.
    """
    passed = {moved.name}
    for stage in pipeline.stages:
        if not passed & set(stage.from_):
            continue
        if stage.holds_rows or stage.kind in GROUP_KINDS:
            yield stage
        else:
            passed.add(stage.name)
