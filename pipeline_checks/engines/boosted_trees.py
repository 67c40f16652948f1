"""A second scorer of a boosted model: reads the fitted numbers of a scikit-learn pipeline and computes by itself.

It calls nothing of the model: medians, means, categories and the arrays of the trees are read, and the probability is
computed from them. A model whose own prediction is wrong is told by it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.errors import ConfigurationError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

_LEAF = -1


@dataclass(frozen=True)
class _Tree:
    """A tree as arrays by node; ``left`` of a leaf is -1."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: Numbers
    value: Numbers

    def values(self, encoded: NDArray[np.float32]) -> Numbers:
        """Return the value of the leaf that each row ends in."""
        import numpy as np

        node = np.zeros(len(encoded), dtype=np.int64)
        rows = np.arange(len(encoded))
        while (inner := self.left[node] != _LEAF).any():
            goes_left = encoded[rows, self.feature[node]] <= self.threshold[node]
            node = np.where(inner, np.where(goes_left, self.left[node], self.right[node]), node)
        return self.value[node]


@dataclass(frozen=True)
class BoostedTrees:
    """The numbers of a fitted pipeline: columns imputed and scaled or encoded, then gradient boosting of two classes.

    Parameters
    ----------
    numeric:
        For each column its place, median, mean and scale.
    categorical:
        For each column its place and its categories.
    prior:
        The logarithm of the odds before the first tree.
    """

    numeric: Sequence[tuple[int, float, float, float]]
    categorical: Sequence[tuple[int, Sequence[Any]]]
    trees: Sequence[_Tree]
    rate: float
    prior: float

    @classmethod
    def of(cls, pipeline: Any) -> BoostedTrees:
        """Read a fitted pipeline of columns (imputer and scaler, imputer and one-hot encoder) and a classifier.

        Raises ConfigurationError when it is built in another way.
        """
        try:
            columns, classifier = (step for _, step in pipeline.steps)
            places = {name: list(where) for name, _, where in columns.transformers_}
            impute, scale = (step for _, step in columns.named_transformers_["numeric"].steps)
            _, encode = (step for _, step in columns.named_transformers_["categorical"].steps)
            share = float(classifier.init_.class_prior_[1])
            trees = [_tree(one.tree_) for one in classifier.estimators_[:, 0]]
        except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
            raise ConfigurationError(
                f"the model is not built of columns and boosted trees ({type(error).__name__}: {error}).",
                next_step="The second scorer reads models of the shipped kind only.",
            ) from None
        return cls(
            [
                (place, float(median), float(mean), float(by))
                for place, median, mean, by in zip(
                    places["numeric"], impute.statistics_, scale.mean_, scale.scale_, strict=True
                )
            ],
            [(place, list(known)) for place, known in zip(places["categorical"], encode.categories_, strict=True)],
            trees,
            float(classifier.learning_rate),
            math.log(share / (1 - share)),
        )

    def probabilities(self, rows: Iterable[Sequence[Any]]) -> list[float]:
        """Return the probability of the second class for each row of features, in their order.

        A missing number is NaN or None; a category that the model has never seen counts as none.
        """
        import numpy as np

        encoded = self._encoded(list(rows))
        score = np.full(len(encoded), self.prior)
        for tree in self.trees:
            score += self.rate * tree.values(encoded)
        found: list[float] = (1 / (1 + np.exp(-score))).tolist()
        return found

    def _encoded(self, rows: list[Sequence[Any]]) -> NDArray[np.float32]:
        import numpy as np

        width = len(self.numeric) + sum(len(known) for _, known in self.categorical)
        encoded = np.zeros((len(rows), width), dtype=np.float64)
        for column, (place, median, mean, by) in enumerate(self.numeric):
            given = np.array([_number(row[place]) for row in rows], dtype=np.float64)
            encoded[:, column] = (np.where(np.isnan(given), median, given) - mean) / by
        first = len(self.numeric)
        for place, known in self.categorical:
            code = {value: number for number, value in enumerate(known)}
            for number, row in enumerate(rows):
                found = code.get(row[place])
                if found is not None:
                    encoded[number, first + found] = 1.0
            first += len(known)
        return encoded.astype(np.float32)  # trees were grown on, and decide by, single precision


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _tree(fitted: Any) -> _Tree:
    import numpy as np

    return _Tree(
        np.asarray(fitted.children_left, dtype=np.int64),
        np.asarray(fitted.children_right, dtype=np.int64),
        np.asarray(fitted.feature, dtype=np.int64),
        np.asarray(fitted.threshold, dtype=np.float64),
        np.asarray(fitted.value, dtype=np.float64)[:, 0, 0],
    )
