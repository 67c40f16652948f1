"""Delta tables of every common feature, written by Spark: count, values, NULLs and duplicates as Spark has them."""

from __future__ import annotations

import pytest

from pipeline_checks.model.measure import Above, Below, IsNull, Maximum, Measure, Minimum, Violations, ViolationSample
from pipeline_checks_tests.lake_features.agreement import assert_agreement
from pipeline_checks_tests.lake_features.delta_recipes import COMMON, RARE
from pipeline_checks_tests.lake_features.made_tables import MadeTables
from pipeline_checks_tests.lake_features.recipe import Recipe

# The first test waits for Spark to make all tables, which takes long where others use the machine.
pytestmark = [pytest.mark.stack, pytest.mark.timeout(1200)]


@pytest.mark.parametrize("recipe", COMMON, ids=lambda recipe: recipe.name)
def test_a_common_feature_is_read_as_spark_reads_it_or_refused(tables: MadeTables, recipe: Recipe) -> None:
    assert_agreement(tables, "delta", recipe)


@pytest.mark.soak
@pytest.mark.parametrize("recipe", RARE, ids=lambda recipe: recipe.name)
def test_a_rare_feature_is_read_as_spark_reads_it_or_refused(rare_tables: MadeTables, recipe: Recipe) -> None:
    assert_agreement(rare_tables, "delta", recipe)


def _told(tables: MadeTables, name: str, *measures: Measure) -> dict[Measure, object]:
    version = tables.versions("delta", name)[-1]
    answers = tables.pinned("delta", name, version).answer(frozenset(measures))
    return {measure: answer.value for measure, answer in answers.items()}


def test_statistics_that_spark_wrote_answer_without_reading_rows(tables: MadeTables) -> None:
    nulls, ids = Violations(IsNull("name")), Violations(IsNull("id"), ("id",))
    told = _told(tables, "plain", Minimum("id"), Maximum("id"), nulls, ids, Maximum("ts"), Maximum("x"))
    # Times are cut and doubles may be NaN: both stay open.
    assert told == {Minimum("id"): 5, Maximum("id"): 104, nulls: ViolationSample(1), ids: ViolationSample(0)}


def test_with_deletion_vectors_only_what_no_row_can_break_is_told(tables: MadeTables) -> None:
    inside, ids = Violations(Below("id", 0)), Violations(IsNull("id"))
    told = _told(tables, "deletion_vectors", Minimum("id"), Violations(Above("id", 50)), inside, ids)
    assert told == {inside: ViolationSample(0), ids: ViolationSample(0)}


def test_statistics_of_swapped_columns_are_told_of_the_right_ones(tables: MadeTables) -> None:
    measures = (Minimum("a"), Maximum("a"), Minimum("b"), Violations(IsNull("a")), Violations(IsNull("b")))
    assert _told(tables, "column_mapping_numbers_swapped", *measures) == {
        Minimum("a"): 0,
        Maximum("a"): 9,
        Minimum("b"): 1000,
        Violations(IsNull("a")): ViolationSample(1),
        Violations(IsNull("b")): ViolationSample(10),
    }
