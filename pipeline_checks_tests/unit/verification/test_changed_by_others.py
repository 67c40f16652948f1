"""Commits that say what they cover are the mover's; what any other changed is found in the files it wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from deltalake import CommitProperties, DeltaTable, write_deltalake

from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.stages.lake_increment import MOST_SPANS, changed_by_others
from pipeline_checks.stages.registry import declaration_class, open_stage
from pipeline_checks.verification.increment import rewritten_keys
from pipeline_checks_tests.unit.verification.events import TOPIC
from pipeline_checks_tests.unit.verification.test_increment import FORM, frame


def mover(offset: int) -> CommitProperties:
    return CommitProperties(custom_metadata={"covers": json.dumps({TOPIC: {"0": offset}})})


def by_others(path: Path, since: int, proved: int = 1) -> list[int] | None:
    """The keys that commits of others changed behind a version at which the table covered ``proved`` offsets."""
    declared: Any = declaration_class("delta_table").model_validate(
        {"name": "t", "kind": "delta_table", "path": str(path), "covers": {"commit_metadata": "covers"}}
    )
    reader = open_stage(declared)
    until = reader.reached().position
    covers = OffsetsPosition.of({TOPIC: {0: proved}})
    pinned: Any = reader.at(until)
    found = changed_by_others(declared, pinned, since, until, covers, FORM.reads)
    if found is None:
        return None
    return sorted(rewritten_keys(FORM, found.rows_gone(FORM.reads), found.rows_added(FORM.reads)))


def test_commits_that_say_what_they_cover_change_the_keys_of_their_events_and_others_are_looked_into(
    tmp_path: Path,
) -> None:
    write_deltalake(tmp_path, frame([(1, "a"), (2, "b"), (3, "c")]).to_arrow(), commit_properties=mover(1))
    table = DeltaTable(tmp_path)
    table.update(updates={"name": "'z'"}, predicate="id = 1", commit_properties=mover(2))
    assert by_others(tmp_path, 0) == []
    table.update(updates={"name": "'damaged'"}, predicate="id = 2")
    assert by_others(tmp_path, 0) == [2]
    table.update(updates={"name": "'y'"}, predicate="id = 1", commit_properties=mover(3))
    assert by_others(tmp_path, 0) == [2]
    assert by_others(tmp_path, 2) == []
    write_deltalake(tmp_path, frame([(4, "d")]).to_arrow(), mode="append")
    DeltaTable(tmp_path).optimize.compact()
    assert by_others(tmp_path, 0) == [2, 4]
    assert by_others(tmp_path, 0, proved=9) == [1, 2, 4], "a commit that covers less than was proved is another's"
    assert by_others(tmp_path, 99) is None


def test_what_a_restore_undid_or_brought_back_is_told(tmp_path: Path) -> None:
    write_deltalake(tmp_path, frame([(1, "a")]).to_arrow(), commit_properties=mover(1))
    write_deltalake(tmp_path, frame([(2, "b")]).to_arrow(), mode="append", commit_properties=mover(2))
    DeltaTable(tmp_path).restore(0)
    assert by_others(tmp_path, 1) == [2]
    DeltaTable(tmp_path).restore(1)
    assert by_others(tmp_path, 1) == []


def test_many_stretches_of_others_are_looked_at_together(tmp_path: Path) -> None:
    write_deltalake(tmp_path, frame([(0, "a")]).to_arrow(), commit_properties=mover(1))
    for key in range(1, 2 * MOST_SPANS + 4, 2):
        write_deltalake(tmp_path, frame([(key, "a")]).to_arrow(), mode="append")
        own = mover(key + 1)
        write_deltalake(tmp_path, frame([(key + 1, "a")]).to_arrow(), mode="append", commit_properties=own)
    told = by_others(tmp_path, 0)
    assert told is not None
    assert set(told) >= set(range(1, 2 * MOST_SPANS + 4, 2))
