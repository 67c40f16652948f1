"""Computing predictions anew: the model, its encoding for many rows, and the walk over its trees come to the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipeline_checks.clients.fitted_model import load_model
from pipeline_checks.engines import model_scoring
from pipeline_checks.engines.model_scoring import ModelScorer
from pipeline_checks.pipelines.churn.flow.features import feature_row, matrix
from pipeline_checks.pipelines.churn.seed.customers import customers
from pipeline_checks.verification.predicting import scored


@pytest.fixture(scope="module")
def scorer(model_path: Path) -> ModelScorer:
    model = load_model(model_path)
    return ModelScorer(model.pipeline, model.sidecar.features)


def frame(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame([dict(r) for r in rows], infer_schema_length=None)


def test_the_scorer_says_what_the_flow_says(scorer: ModelScorer, model_path: Path) -> None:
    made = customers(1500, 21)
    odd = [{**made[0], "TotalCharges": " "}, {**made[1], "gender": "Unknown"}, {**made[2], "Contract": None}]
    rows = scorer.prepared(frame([*made, *odd]))
    by_flow = load_model(model_path).pipeline.predict_proba(matrix([feature_row(r) for r in [*made, *odd]]))[:, 1]
    assert (scorer.probabilities(rows) == by_flow).all()
    walked = scorer.walked(rows)
    assert walked is not None
    assert float(np.abs(walked - by_flow).max()) <= 1e-12


def test_many_rows_are_encoded_here_and_come_to_the_same(scorer: ModelScorer, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = scorer.prepared(frame(customers(1200, 22)))
    whole = scorer.probabilities(rows)
    monkeypatch.setattr(model_scoring, "_WHOLE", 10)
    monkeypatch.setattr(model_scoring, "_CHUNK", 500)
    assert (scorer.probabilities(rows) == whole).all()
    walked = scorer.walked(rows)
    assert walked is not None
    assert float(np.abs(walked - whole).max()) <= 1e-12


def test_an_encoding_that_is_not_that_of_the_pipeline_is_not_used(
    scorer: ModelScorer, model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_model(model_path)
    other = ModelScorer(model.pipeline, model.sidecar.features)
    rows = other.prepared(frame(customers(800, 23)))
    whole = other.probabilities(rows)
    monkeypatch.setattr(model_scoring, "_WHOLE", 10)
    monkeypatch.setattr(other, "_encoded", lambda some: np.zeros((some.height, 45)))
    assert (other.probabilities(rows) == whole).all()


def test_numbers_are_read_from_text_and_what_is_none_is_missing(scorer: ModelScorer) -> None:
    made = customers(1, 1)[0]
    texts = {name: str(made[name]) for name in scorer.features}
    as_text, as_numbers = scorer.prepared(frame([texts])), scorer.prepared(frame([made]))
    assert as_text.equals(as_numbers)
    blank = scorer.prepared(frame([{**texts, "TotalCharges": "  "}, {**texts, "TotalCharges": "abc"}]))
    assert blank.get_column("TotalCharges").to_list() == [None, None]


def test_rows_that_come_again_are_computed_once_and_told_each(scorer: ModelScorer) -> None:
    few = scorer.prepared(frame([*customers(40, 31), {**customers(1, 31)[0], "TotalCharges": ""}]))
    many = pl.concat([few, few.reverse(), few.sample(len(few), seed=1, shuffle=True)])
    found, distance = scored(scorer, many)
    assert (found.to_numpy() == scorer.probabilities(many)).all()
    assert distance is not None and distance <= 1e-12
    assert (scored(scorer, few)[0].to_numpy() == scorer.probabilities(few)).all()
    assert scored(scorer, few.clear())[0].to_list() == []


def test_no_row_has_no_prediction(scorer: ModelScorer) -> None:
    none = scorer.prepared(frame(customers(1, 1))).clear()
    walked = scorer.walked(none)
    assert walked is not None
    assert (len(scorer.probabilities(none)), len(walked)) == (0, 0)


def test_a_model_of_another_kind_has_no_second_scorer() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    fitted = Pipeline([("scale", StandardScaler()), ("classify", LogisticRegression())])
    fitted.fit(np.array([[0.0], [1.0], [2.0], [3.0]], dtype=object), [0, 0, 1, 1])
    other = ModelScorer(fitted, ["x"])
    rows = other.prepared(pl.DataFrame({"x": [0.5, 2.5]}))
    assert other.walked(rows) is None
    assert (other.probabilities(rows) == fitted.predict_proba(rows.to_numpy())[:, 1]).all()
