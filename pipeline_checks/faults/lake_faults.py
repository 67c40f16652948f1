"""Faults of lake tables: rows lost, doubled, changed, outdated, come back or invented; columns; what is covered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from pipeline_checks.faults.fault import Target
from pipeline_checks.faults.injury import Injury
from pipeline_checks.faults.lake_table import LAKE_KINDS, LakeTable, covers_of, lake_table
from pipeline_checks.faults.row_damage import Chosen, Row, Scene, as_table, without
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.values.json_values import to_json_value

if TYPE_CHECKING:
    import pyarrow

Effect = Literal["gone", "again", "instead"]
"""What becomes of chosen rows: they are removed, written once more (or for the first time), or replace their keys'."""


def done(table: LakeTable, injury: Injury, facts: Mapping[str, Any] | None = None) -> Injury:
    """Return the injury with the commits that were made, and how ``restore`` must find the table."""
    now = table.mark()
    known = {**injury.facts, **(facts or {}), "commits": table.commits_since(injury.undo)}
    return replace(injury, facts=known, undo={**injury.undo, "made": now.get("metadata", now.get("version"))})


def acts_on_lake(target: Target, modes: tuple[str, ...]) -> bool:
    """Whether the target is a lake table of one of the modes."""
    return target.is_stage and target.stage.kind in LAKE_KINDS and target.stage.row_meaning in modes


def scene_of(target: Target, table: LakeTable) -> Scene:
    """Return what a damage looks at."""
    stage = target.stage
    rows = table.rows().sort_by([(k, "ascending") for k in stage.contract.key])
    return Scene(stage, rows, table.versions, target.pipeline)


@dataclass(frozen=True)
class RowFault:
    """Chosen rows of a lake table are removed, doubled or replaced.

    Parameters
    ----------
    choose:
        Chooses the rows, the same ones at each call.
    in_the_movers_name:
        The commit says what the table covers, as the mover's do; otherwise it is a stranger's.
    """

    name: str
    description: str
    choose: Callable[[Scene], Chosen]
    effect: Effect
    in_the_movers_name: bool = False
    modes: tuple[str, ...] = ("current", "changes")

    def acts_on(self, target: Target) -> bool:
        """Whether the target is such a table."""
        return acts_on_lake(target, self.modes)

    def plan(self, target: Target) -> Injury:
        """Return the keys and what the table looks like before."""
        stage, table = target.stage, lake_table(target.stage)
        chosen = self.choose(scene_of(target, table))
        keys = tuple(_json_key(stage, row) for row in chosen.rows)
        what = f"{self.description} ({len(keys)} of {stage.name})"
        mark = table.mark()
        return Injury(self.name, target.pipeline.name, stage.name, what, keys, chosen.facts, mark)

    def act(self, target: Target, injury: Injury) -> Injury:
        """Write the rows."""
        stage, table = target.stage, lake_table(target.stage)
        covers = covers_of(stage) if self.in_the_movers_name else None
        scene = scene_of(target, table)
        chosen = self.choose(scene)
        if self.effect == "again":
            table.append(as_table(chosen.rows, scene.rows), covers)
        else:
            table.replace(self._rewritten(scene, chosen), covers)
        return done(table, injury)

    def _rewritten(self, scene: Scene, chosen: Chosen) -> pyarrow.Table:
        import pyarrow as pa

        kept = without(scene.rows, scene.key, chosen.before or chosen.rows)
        return kept if self.effect == "gone" else pa.concat_tables([kept, as_table(chosen.rows, scene.rows)])

    def undo(self, target: Target, injury: Injury) -> None:
        """Take the table back."""
        lake_table(target.stage).restore(injury.undo)


@dataclass(frozen=True)
class TableFault:
    """Something is done to a lake table as a whole: its columns, or what it says that it covers.

    ``do`` does it and returns facts for the injury.
    """

    name: str
    description: str
    do: Callable[[Pipeline, StageDeclaration, LakeTable], dict[str, Any]]
    modes: tuple[str, ...] = ("current",)

    def acts_on(self, target: Target) -> bool:
        """Whether the target is such a table."""
        return acts_on_lake(target, self.modes)

    def plan(self, target: Target) -> Injury:
        """Return what the table looks like before."""
        name = target.stage.name
        what = f"{self.description} ({name})"
        return Injury(self.name, target.pipeline.name, name, what, undo=lake_table(target.stage).mark())

    def act(self, target: Target, injury: Injury) -> Injury:
        """Do it."""
        table = lake_table(target.stage)
        return done(table, injury, self.do(target.pipeline, target.stage, table))

    def undo(self, target: Target, injury: Injury) -> None:
        """Take the table back."""
        lake_table(target.stage).restore(injury.undo)


def _json_key(stage: StageDeclaration, row: Row) -> dict[str, Any]:
    return {k: to_json_value(row[k]) for k in stage.contract.key}
