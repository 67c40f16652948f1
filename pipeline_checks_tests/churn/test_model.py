"""The trained model is good enough, says what it is, and no other file is taken for it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pipeline_checks.clients.fitted_model import load_model, read_sidecar, sidecar_file
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.pipelines.churn.flow.names import FEATURES
from pipeline_checks_tests.churn.programs import Programs
from pipeline_checks_tests.churn.topics import Topics


def test_it_tells_leavers_from_stayers_and_is_not_biased(model_path: Path) -> None:
    metrics = read_sidecar(model_path).metrics
    assert metrics["roc_auc"] >= 0.80
    assert abs(metrics["mean_predicted"] - metrics["observed"]) <= 0.03


@pytest.fixture
def copy(model_path: Path, tmp_path: Path) -> Path:
    """A copy of the model that may be damaged."""
    path = tmp_path / model_path.name
    shutil.copy(model_path, path)
    shutil.copy(sidecar_file(model_path), sidecar_file(path))
    return path


def test_a_file_that_differs_from_its_sidecar_is_not_opened(copy: Path) -> None:
    copy.write_bytes(copy.read_bytes() + b" ")
    with pytest.raises(ConfigurationError, match="SHA-256 differs"):
        load_model(copy, FEATURES)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("features", [*FEATURES[1:], FEATURES[0]], "features are not those of this program: their order"),
        ("features", [*FEATURES, "Churn"], "Churn"),
        ("libraries", {"scikit-learn": "0.1"}, "made with scikit-learn 0.1"),
        ("model_version", "another-000000000000", "SHA-256 differs"),
    ],
)
def test_a_sidecar_that_tells_of_another_model_is_refused(copy: Path, field: str, value: object, said: str) -> None:
    sidecar = json.loads(sidecar_file(copy).read_bytes())
    sidecar_file(copy).write_text(json.dumps(sidecar | {field: value}))
    with pytest.raises(ConfigurationError, match=said):
        load_model(copy, FEATURES)


def test_a_model_or_sidecar_that_is_missing_is_named(copy: Path) -> None:
    sidecar_file(copy).unlink()
    with pytest.raises(FileNotFoundError, match="no sidecar"):
        load_model(copy, FEATURES)
    copy.unlink()
    with pytest.raises(FileNotFoundError, match="there is no model"):
        load_model(copy, FEATURES)


def test_a_consumer_refuses_it_before_it_reads_a_message(programs: Programs, topics: Topics, copy: Path) -> None:
    copy.write_bytes(copy.read_bytes() + b" ")
    topics.send([("k", b"{}")])
    ended = programs.consumer(topics, "--model-path", str(copy)).wait()
    assert ended.code == 1 and "is refused" in ended.errors
    assert topics.committed() == {}
