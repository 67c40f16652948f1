"""Iceberg tables of every common feature, written by Spark: count, values, NULLs and duplicates as Spark has them."""

from __future__ import annotations

import pytest

from pipeline_checks.model.measure import Below, IsNull, Maximum, Measure, Minimum, Violations, ViolationSample
from pipeline_checks_tests.lake_features.agreement import assert_agreement
from pipeline_checks_tests.lake_features.iceberg_recipes import COMMON, RARE
from pipeline_checks_tests.lake_features.made_tables import MadeTables
from pipeline_checks_tests.lake_features.recipe import Recipe

# The first test waits for Spark to make all tables, which takes long where others use the machine.
pytestmark = [pytest.mark.stack, pytest.mark.timeout(1200)]


@pytest.mark.parametrize("recipe", COMMON, ids=lambda recipe: recipe.name)
def test_a_common_feature_is_read_as_spark_reads_it_or_refused(tables: MadeTables, recipe: Recipe) -> None:
    assert_agreement(tables, "iceberg", recipe)


@pytest.mark.soak
@pytest.mark.parametrize("recipe", RARE, ids=lambda recipe: recipe.name)
def test_a_rare_feature_is_read_as_spark_reads_it_or_refused(rare_tables: MadeTables, recipe: Recipe) -> None:
    assert_agreement(rare_tables, "iceberg", recipe)


def _told(tables: MadeTables, name: str, *measures: Measure) -> dict[Measure, object]:
    snapshot = tables.versions("iceberg", name)[-1]
    answers = tables.pinned("iceberg", name, snapshot).answer(frozenset(measures))
    return {measure: answer.value for measure, answer in answers.items()}


def test_statistics_that_spark_wrote_answer_without_reading_rows(tables: MadeTables) -> None:
    nulls, ids = Violations(IsNull("name")), Violations(IsNull("id"), ("id",))
    told = _told(tables, "v2", Minimum("id"), Maximum("id"), nulls, ids, Maximum("x"), Minimum("name"))
    assert told == {Minimum("id"): 5, Maximum("id"): 500, nulls: ViolationSample(1), ids: ViolationSample(0)}


@pytest.mark.parametrize("name", ["position_deletes", "deletion_vectors", "dangling_position_deletes"])
def test_with_delete_files_only_what_no_row_can_break_is_told(tables: MadeTables, name: str) -> None:
    inside, ids = Violations(Below("id", 0)), Violations(IsNull("id"))
    told = _told(tables, name, Minimum("id"), Maximum("id"), Violations(Below("id", 3)), inside, ids)
    assert told == {inside: ViolationSample(0), ids: ViolationSample(0)}


def test_statistics_of_swapped_columns_are_told_of_the_right_ones(tables: MadeTables) -> None:
    nulls = Violations(IsNull("a"))
    told = _told(tables, "renamed_and_swapped", Minimum("a"), Maximum("a"), nulls, Minimum("b"))
    assert told == {Minimum("a"): 0, Maximum("a"): 9, nulls: ViolationSample(1)}


def test_a_column_that_came_again_under_its_old_name_is_not_told_of_by_files_from_before(tables: MadeTables) -> None:
    assert not _told(tables, "dropped_and_added_again", Minimum("a"), Maximum("a"), Violations(IsNull("a")))
