"""Probabilities of a fitted scikit-learn pipeline for many rows: by the pipeline itself, and by walking its trees.

Understood are pipelines of a ``ColumnTransformer`` (numbers: imputer, scaler; categories: constant imputer, one-hot
encoder; columns by their number or name) and a classifier. Other ones are computed by the pipeline alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import polars
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

_CHUNK = 16_384
"""Rows that are walked through the trees at once: their columns stay in the cache."""
_WHOLE = 20_000
"""Up to so many rows the pipeline encodes by itself."""
_SAMPLED = 500
"""Of more rows so many are computed by the whole pipeline too, so that the encoding here is proved."""


@dataclass(frozen=True)
class NumberColumn:
    """A number as the model takes it: the median where it is missing, centred and scaled."""

    feature: str
    median: float
    mean: float
    scale: float


@dataclass(frozen=True)
class CategoryColumn:
    """A category as the model takes it: one column each, none for an unknown one; ``missing`` stands for no value."""

    feature: str
    categories: tuple[str, ...]
    missing: str


class ModelScorer:
    """Computes the probability of the positive class for rows of features.

    Parameters
    ----------
    pipeline:
        The fitted pipeline, loaded by who has proved that it is the right one.
    features:
        The columns in the order in which the pipeline takes them.
    """

    def __init__(self, pipeline: Any, features: Sequence[str]) -> None:
        self._pipeline = pipeline
        self.features = list(features)
        self._columns = _encoding(pipeline, self.features)
        self.numeric = _numeric(pipeline, self.features)
        """The features that are numbers."""

    @property
    def understands(self) -> bool:
        """Whether the trees can be walked here."""
        return self._columns is not None and _is_boosting(self._pipeline[-1])

    def prepared(self, rows: polars.DataFrame) -> polars.DataFrame:
        """Return the features in the types that the model takes: numbers (text is read, blank is NULL) and text."""
        import polars as pl

        def column(name: str) -> polars.Expr:
            if name not in self.numeric:
                return pl.col(name).cast(pl.String)
            if rows.schema[name] == pl.String:
                return pl.col(name).str.strip_chars().replace("", None).cast(pl.Float64, strict=False)
            return pl.col(name).cast(pl.Float64)

        return rows.select([column(name) for name in self.features])

    def probabilities(self, rows: polars.DataFrame) -> Numbers:
        """Return the probabilities of prepared rows, by the model."""
        if rows.height <= _WHOLE or self._columns is None:
            return self._by_pipeline(rows)
        found = _positive(self._pipeline[-1].predict_proba(self._encoded(rows)))
        sample = rows.gather_every(max(1, rows.height // _SAMPLED))
        places = range(0, rows.height, max(1, rows.height // _SAMPLED))
        if not (self._by_pipeline(sample) == found[list(places)[: sample.height]]).all():
            return self._by_pipeline(rows)
        return found

    def walked(self, rows: polars.DataFrame) -> Numbers | None:
        """Return the probabilities of prepared rows by walking the arrays of the trees; None for another model."""
        import numpy as np

        if not self.understands:
            return None
        classifier = self._pipeline[-1]
        prior = float(np.clip(classifier.init_.class_prior_[1], _EPSILON, 1 - _EPSILON))
        trees = [one.tree_ for one in classifier.estimators_[:, 0]]
        parts = []
        for start in range(0, rows.height, _CHUNK):
            encoded = self._encoded(rows.slice(start, _CHUNK)).astype(np.float32)
            columns = [np.ascontiguousarray(encoded[:, i]) for i in range(encoded.shape[1])]
            raw = np.full(encoded.shape[0], np.log(prior / (1.0 - prior)))
            for tree in trees:
                raw += classifier.learning_rate * _leaves(_Tree.of(tree), columns, 0)
            parts.append(1.0 / (1.0 + np.exp(-raw)))
        return np.concatenate(parts) if parts else np.empty(0)

    def _by_pipeline(self, rows: polars.DataFrame) -> Numbers:
        import numpy as np

        if not rows.height:
            return np.empty(0)
        table = np.empty((rows.height, len(self.features)), dtype=object)
        for place, name in enumerate(self.features):
            values = rows.get_column(name).to_list()
            table[:, place] = [np.nan if v is None else v for v in values]
        return _positive(self._pipeline.predict_proba(table))

    def _encoded(self, rows: polars.DataFrame) -> Numbers:
        import numpy as np
        import polars as pl

        columns: list[Any] = []
        for column in self._columns or ():
            values = rows.get_column(column.feature)
            if isinstance(column, NumberColumn):
                numbers = values.fill_nan(None).fill_null(column.median).to_numpy()
                columns.append((numbers - column.mean) / column.scale)
            else:
                text = values.fill_null(column.missing)
                codes = {category: i for i, category in enumerate(column.categories)}
                found = text.replace_strict(codes, default=-1, return_dtype=pl.Int16).to_numpy()
                columns += [(found == i).astype(np.float64) for i in range(len(codes))]
        return np.column_stack(columns)


@dataclass(frozen=True)
class _Tree:
    left: list[int]
    right: list[int]
    feature: list[int]
    threshold: list[float]
    value: list[float]

    @classmethod
    def of(cls, tree: Any) -> _Tree:
        return cls(
            tree.children_left.tolist(),
            tree.children_right.tolist(),
            tree.feature.tolist(),
            tree.threshold.tolist(),
            tree.value[:, 0, 0].tolist(),
        )


_EPSILON = 1.1920928955078125e-07
"""How near to 0 and 1 the prior may be: the resolution of a number of 32 bits."""


def _leaves(tree: _Tree, columns: Sequence[Any], node: int) -> Any:
    """Return the value of the leaf that each row ends in below a node."""
    import numpy as np

    if tree.left[node] < 0:
        return tree.value[node]
    goes_left = columns[tree.feature[node]] <= tree.threshold[node]
    return np.where(goes_left, _leaves(tree, columns, tree.left[node]), _leaves(tree, columns, tree.right[node]))


def _positive(found: Any) -> Numbers:
    if found.shape[1] != 2:
        raise ConfigurationError(
            f"the model tells {found.shape[1]} classes.", next_step="Only models of two classes are understood."
        )
    positive: Numbers = found[:, 1]
    return positive


def _is_boosting(classifier: Any) -> bool:
    return type(classifier).__name__ == "GradientBoostingClassifier" and hasattr(classifier.init_, "class_prior_")


def _transformers(pipeline: Any, features: Sequence[str]) -> list[tuple[Any, list[str]]]:
    found = getattr(pipeline[0], "transformers_", None)
    if found is None:
        return []

    def names(columns: Any) -> list[str]:
        return [features[c] if isinstance(c, int) else str(c) for c in columns]

    return [(one, names(columns)) for _, one, columns in found if not isinstance(one, str)]


def _steps(transformer: Any) -> list[Any]:
    return [step for _, step in getattr(transformer, "steps", [("", transformer)])]


def _numeric(pipeline: Any, features: Sequence[str]) -> frozenset[str]:
    found = _transformers(pipeline, features)
    encoders = {n for one, names in found for n in names if any(hasattr(s, "categories_") for s in _steps(one))}
    return frozenset(features) - encoders


def _encoding(pipeline: Any, features: Sequence[str]) -> list[NumberColumn | CategoryColumn] | None:
    """Return what the pipeline does with each feature, in the order of its columns; None where it is not understood."""
    columns: list[NumberColumn | CategoryColumn] = []
    for transformer, names in _transformers(pipeline, features):
        kinds = [type(step).__name__ for step in _steps(transformer)]
        if kinds == ["SimpleImputer", "StandardScaler"]:
            impute, scale = _steps(transformer)
            rows = zip(names, impute.statistics_, scale.mean_, scale.scale_, strict=True)
            columns += [NumberColumn(name, float(m), float(mean), float(s)) for name, m, mean, s in rows]
        elif kinds == ["SimpleImputer", "OneHotEncoder"]:
            impute, encode = _steps(transformer)
            pairs = zip(names, impute.statistics_, encode.categories_, strict=True)
            columns += [CategoryColumn(name, tuple(map(str, found)), str(m)) for name, m, found in pairs]
        else:
            return None
    return columns or None
