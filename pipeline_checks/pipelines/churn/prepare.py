"""Prepares topics and model: ``python -m pipeline_checks.pipelines.churn.prepare``. Can be run again any time."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Final

from pipeline_checks.clients.fitted_model import load_model
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError, TerminalError
from pipeline_checks.pipelines.churn.flow.names import FEATURES
from pipeline_checks.pipelines.churn.flow.topics import compare, create, declared
from pipeline_checks.pipelines.churn.flow.training import SEED, train
from pipeline_checks.pipelines.churn.seed.customers import customers

_log = logging.getLogger(__name__)

TRAINING_ROWS: Final = 5000
_APART: Final = 1_000_000
"""Numbers of customers of the training, apart from those of the data set."""


def prepare_model(path: Path, seed: int = SEED) -> str:
    """Train the model unless there is one that this environment can use; return its version.

    It is trained on customers of its own, and measured on as many others.
    """
    try:
        return load_model(path, FEATURES).version
    except (FileNotFoundError, ConfigurationError) as reason:
        _log.info("training the model: %s", reason)
    training = customers(TRAINING_ROWS, seed, first=_APART)
    held_out = customers(TRAINING_ROWS, seed + 1, first=_APART + TRAINING_ROWS)
    sidecar = train(training, held_out, path, seed)
    _log.info("trained %s: %s", sidecar.model_version, dict(sidecar.metrics))
    return sidecar.model_version


def prepare() -> None:
    """Make the topics and the model where they are missing; raises TerminalError when a topic is not as declared."""
    bootstrap, topics = setting("KAFKA_BOOTSTRAP_SERVERS"), declared()
    _log.info("topics created: %s", ", ".join(create(bootstrap, topics)) or "none")
    deviations = compare(bootstrap, topics)
    if deviations:
        raise TerminalError(
            f"topics are not as declared: {'; '.join(map(str, deviations))}.",
            next_step="Alter or delete them, then start again.",
        )
    prepare_model(Path(setting("CHURN_MODEL_PATH")))


def main() -> int:
    """Prepare; exit code 1 when that cannot be."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        prepare()
    except PipelineChecksError as problem:
        _log.error("%s", problem)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
