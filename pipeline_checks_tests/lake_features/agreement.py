"""What must hold of every table at every version: the stage says what Spark says, or refuses and names the feature."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pipeline_checks.engines.registry import engine_for
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.measure import (
    Above,
    Below,
    DuplicateKeys,
    IsNull,
    Maximum,
    Minimum,
    RowCount,
    RowMeasure,
    Violations,
)
from pipeline_checks.model.stage import PinnedStage
from pipeline_checks_tests.lake_features.made_tables import MadeTables, measured, read, repeated, without
from pipeline_checks_tests.lake_features.recipe import Recipe

_ORDERED = frozenset({"integer", "decimal", "date", "timestamp", "timestamptz", "float"})


def versions(tables: MadeTables, kind: str, recipe: Recipe) -> Iterator[tuple[str, bool]]:
    """Yield the versions of a table whose rows are known, and whether the stage must refuse them."""
    found = tables.versions(kind, recipe.name)
    assert found
    for place, version in enumerate(found):
        since = int(version) if kind == "delta" else place
        yield version, bool(recipe.refused) and since >= recipe.refused_from


def assert_agreement(tables: MadeTables, kind: str, recipe: Recipe) -> None:
    """Assert it of the newest version and of earlier ones."""
    for version, is_refused in versions(tables, kind, recipe):
        if is_refused:
            _assert_refused(tables, kind, recipe, version)
        else:
            _assert_read(tables, kind, recipe, version)


def _assert_read(tables: MadeTables, kind: str, recipe: Recipe, version: str) -> None:
    pinned, truth = tables.pinned(kind, recipe.name, version), tables.truth(kind, recipe.name, version)
    columns = [name for name in pinned.schema().names if name not in recipe.skipped]
    for skipped in recipe.skipped:
        if skipped in pinned.schema().names:
            with pytest.raises(TerminalError, match=skipped):
                pinned.rows([skipped])
    assert read(pinned, columns if recipe.skipped else None) == without(truth, recipe.skipped), version
    assert pinned.answer(frozenset({RowCount()}))[RowCount()].value == len(truth), version
    nulls = {Violations(IsNull(name)): name for name in columns}
    values = measured(pinned, {*nulls, DuplicateKeys(("id",))}, columns)
    for measure, name in nulls.items():
        assert values[measure].count == sum(row[name] is None for row in truth), (version, name)
    assert values[DuplicateKeys(("id",))].keys == repeated(truth, "id"), version
    assert_statistics(pinned, columns)


def _assert_refused(tables: MadeTables, kind: str, recipe: Recipe, version: str) -> None:
    with pytest.raises(TerminalError, match=recipe.refused) as refused:
        tables.pinned(kind, recipe.name, version).rows(None)
    assert refused.value.next_step
    wanted: list[RowMeasure] = [RowCount(), Violations(IsNull("id")), Minimum("id")]
    for measure in wanted:
        try:
            told = tables.pinned(kind, recipe.name, version).answer(frozenset({measure}))
        except TerminalError:
            continue
        # What is told all the same must be right; what is left open goes to the rows, which are refused.
        if measure == RowCount():
            assert told[measure].value == len(tables.truth(kind, recipe.name, version))
        else:
            assert not told


def assert_statistics(pinned: PinnedStage, columns: list[str]) -> None:
    """Assert that whatever the metadata tells is what the rows tell."""
    types = {field.name: field.type for field in pinned.schema().fields}
    for name in columns:
        wanted: set[RowMeasure] = {Violations(IsNull(name)), Violations(IsNull(name), ("id",))}
        if types[name].family in _ORDERED:
            wanted |= {Minimum(name), Maximum(name)}
        computed: dict[Any, Any] = dict(engine_for(pinned.rows([name])).measure(pinned.rows, frozenset(wanted)))
        for end in (Minimum(name), Maximum(name)):
            value = computed[end].value if end in computed else None
            # A limit that is just kept, by every value, is what a wrong bound shows at.
            if value is not None and value == value:
                wanted |= {Violations(Below(name, value)), Violations(Above(name, value))}
        computed = dict(engine_for(pinned.rows([name])).measure(pinned.rows, frozenset(wanted)))
        for measure, answer in pinned.answer(frozenset(wanted)).items():
            assert answer.value == computed[measure].value, measure
