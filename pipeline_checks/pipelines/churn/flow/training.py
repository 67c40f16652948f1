"""Trains the model: gradient boosting over imputed, scaled and encoded features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pipeline_checks.clients.fitted_model import Sidecar, save_model
from pipeline_checks.pipelines.churn.flow.features import feature_row, matrix
from pipeline_checks.pipelines.churn.flow.names import CATEGORICAL, FEATURES, NUMERIC

NAME: Final = "churn-gradient-boosting"
THRESHOLD: Final = 0.5
SEED: Final = 42

Customers = Sequence[Mapping[str, Any]]


def train(customers: Customers, held_out: Customers, path: Path, seed: int = SEED) -> Sidecar:
    """Fit a model on customers whose ``Churn`` is known, save it, and return what it is.

    Parameters
    ----------
    held_out:
        Other customers, for the metrics: ``roc_auc``, ``mean_predicted`` and ``observed`` (shares from 0 to 1).
    seed:
        Decides every random choice of the training.
    """
    from sklearn.metrics import roc_auc_score

    fitted = _pipeline(seed).fit(_matrix(customers), _target(customers))
    predicted, observed = fitted.predict_proba(_matrix(held_out))[:, 1], _target(held_out)
    metrics = {
        "roc_auc": round(float(roc_auc_score(observed, predicted)), 6),
        "mean_predicted": round(float(predicted.mean()), 6),
        "observed": round(sum(observed) / len(observed), 6),
    }
    return save_model(
        fitted,
        path,
        name=NAME,
        features=FEATURES,
        threshold=THRESHOLD,
        training_seed=seed,
        training_rows=len(customers),
        metrics=metrics,
    )


def _matrix(customers: Customers) -> Any:
    return matrix([feature_row(customer) for customer in customers])


def _target(customers: Customers) -> list[int]:
    return [int(customer["Churn"] == "Yes") for customer in customers]


def _pipeline(seed: int) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numeric = Pipeline([("impute", SimpleImputer(strategy="median")), ("scale", StandardScaler())])
    categorical = Pipeline(
        [
            ("impute", SimpleImputer(strategy="constant", fill_value="missing")),
            ("encode", OneHotEncoder(handle_unknown="ignore", sparse_output=False)),
        ]
    )
    columns = ColumnTransformer(
        [
            ("numeric", numeric, list(range(len(NUMERIC)))),
            ("categorical", categorical, list(range(len(NUMERIC), len(NUMERIC) + len(CATEGORICAL)))),
        ]
    )
    classifier = GradientBoostingClassifier(
        n_estimators=100, learning_rate=0.05, max_depth=3, min_samples_split=10, subsample=0.8, random_state=seed
    )
    return Pipeline([("columns", columns), ("classifier", classifier)])
