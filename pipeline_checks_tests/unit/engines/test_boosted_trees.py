"""The second scorer, on a model of two trees that can be computed by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipeline_checks.engines.boosted_trees import BoostedTrees
from pipeline_checks.model.errors import ConfigurationError


def tree(feature: int, threshold: float, left: float, right: float) -> Any:
    return SimpleNamespace(
        tree_=SimpleNamespace(
            children_left=np.array([1, -1, -1]),
            children_right=np.array([2, -1, -1]),
            feature=np.array([feature, -2, -2]),
            threshold=np.array([threshold, -2.0, -2.0]),
            value=np.array([[[0.0]], [[left]], [[right]]]),
        )
    )


def pipeline(share: float = 0.2) -> Any:
    """One number (median 4, mean 2, scale 2) and one category (a, b); a tree for each."""
    numeric = SimpleNamespace(
        steps=[("i", SimpleNamespace(statistics_=[4.0])), ("s", SimpleNamespace(mean_=[2.0], scale_=[2.0]))]
    )
    categorical = SimpleNamespace(
        steps=[("i", None), ("e", SimpleNamespace(categories_=[np.array(["a", "b"], dtype=object)]))]
    )
    columns = SimpleNamespace(
        transformers_=[("numeric", numeric, [0]), ("categorical", categorical, [1])],
        named_transformers_={"numeric": numeric, "categorical": categorical},
    )
    classifier = SimpleNamespace(
        init_=SimpleNamespace(class_prior_=[1 - share, share]),
        learning_rate=0.1,
        estimators_=np.array([[tree(0, 0.5, -1.0, 1.0)], [tree(2, 0.5, -3.0, 3.0)]], dtype=object),
    )
    return SimpleNamespace(steps=[("columns", columns), ("classifier", classifier)])


def probability(number: float, category: float) -> float:
    return 1 / (1 + math.exp(-(math.log(0.25) + 0.1 * number + 0.1 * category)))


def test_each_row_ends_in_the_leaves_that_its_features_lead_to() -> None:
    rows = [[3.0, "a"], [3.1, "b"], [math.nan, "a"], [None, "unknown"], [2.0, math.nan]]
    expected = [
        probability(-1, -3),  # (3 - 2) / 2 is 0.5, which goes left
        probability(1, 3),
        probability(1, -3),  # the median, 4
        probability(1, -3),
        probability(-1, -3),
    ]
    found = BoostedTrees.of(pipeline()).probabilities(rows)
    assert found == pytest.approx(expected, abs=1e-15)


def test_no_rows_have_no_probabilities() -> None:
    assert BoostedTrees.of(pipeline()).probabilities([]) == []


def test_a_model_of_another_build_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="not built of columns and boosted trees"):
        BoostedTrees.of(SimpleNamespace(steps=[("only", None)]))
