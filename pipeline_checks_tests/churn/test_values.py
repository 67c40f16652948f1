"""Every probability is that of the model, and of a scorer that reads the model's trees by itself."""

from __future__ import annotations

import math
from pathlib import Path

from pipeline_checks.clients.fitted_model import load_model
from pipeline_checks.engines.boosted_trees import BoostedTrees
from pipeline_checks.pipelines.churn.flow.names import FEATURES
from pipeline_checks.pipelines.churn.seed.customers import customers
from pipeline_checks_tests.churn.customers import csv_of
from pipeline_checks_tests.churn.programs import Programs
from pipeline_checks_tests.churn.topics import Topics

ROWS = 7043
BLANKS = 11


def test_a_whole_pass_is_predicted_as_the_model_and_the_second_scorer_say(
    programs: Programs, topics: Topics, tmp_path: Path
) -> None:
    assert programs.produce_all(topics, csv_of(tmp_path, ROWS), "--batch-size", "1000").code == 0
    ended = programs.consume_all(topics)
    assert ended.code == 0, ended.errors
    assert topics.assert_conserved(ROWS) == {"predictions": ROWS}
    model = load_model(programs.model, FEATURES)
    second = BoostedTrees.of(model.pipeline)
    inputs = {r.place: r.body for r in topics.read(topics.raw)}
    outputs = topics.read(topics.predictions)
    rows = [_row(inputs[r.source]) for r in outputs]
    assert sum(math.isnan(row[FEATURES.index("TotalCharges")]) for row in rows) == BLANKS
    import numpy as np

    offline = model.pipeline.predict_proba(np.array(rows, dtype=object))[:, 1].tolist()
    for record, expected, other in zip(outputs, offline, second.probabilities(rows), strict=True):
        body = record.body
        assert body["churn_probability"] == round(expected, 6)
        assert body["prediction"] == ("Yes" if expected >= 0.5 else "No")
        assert abs(expected - other) <= 1e-9
        assert body["model_version"] == model.version
        assert float(record.headers["processing_ms"]) >= body["inference_latency_ms"] * 0.99 - 0.01


def test_with_a_model_that_fails_on_blank_totals_those_alone_are_dead_letters(
    programs: Programs, topics: Topics, tmp_path: Path
) -> None:
    assert programs.produce_all(topics, csv_of(tmp_path, ROWS), "--batch-size", "1000").code == 0
    ended = programs.consume_all(topics, "--fault", "blank-total-raises")
    assert ended.code == 0, ended.errors
    assert topics.assert_conserved(ROWS) == {"predictions": ROWS - BLANKS, "dead_letters": BLANKS}
    letters = [r.body for r in topics.read(topics.dead_letters)]
    assert {letter["error_type"] for letter in letters} == {"inference_error"}
    assert {letter["original_message"]["customerID"] for letter in letters} == {
        c["customerID"] for c in customers(ROWS, 42) if c["tenure"] == 0
    }


def _row(customer: dict[str, object]) -> list[object]:
    """Return the features, written down here once more: text is a number there, and blank text none."""
    row = [customer[name] for name in FEATURES]
    place = FEATURES.index("TotalCharges")
    text = str(row[place])
    row[place] = float(text) if text.strip() else math.nan
    return row
