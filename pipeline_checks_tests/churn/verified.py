"""The checks of the churn pipeline over the topics of one test."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pipeline_checks.model.finding import Finding
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import RunResult
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.verification.discovery import load_pipeline
from pipeline_checks.verification.options import Options
from pipeline_checks.verification.run import run_checks
from pipeline_checks_tests.churn.topics import Topics


def pipeline_of(topics: Topics) -> Pipeline:
    """Return the pipeline with the topics and the group of a test, whose consumers may end and whose topics differ."""
    places = {
        "topic_raw": {"topic": topics.raw, "lag_limit": 1.0},
        "topic_predictions": {"topic": topics.predictions},
        "topic_deadletter": {"topic": topics.dead_letters},
        "consumer_group": {"group": topics.group},
    }
    loaded = load_pipeline("churn")
    stages = []
    for stage in loaded.stages:
        promises = {k: v for k, v in {"lag": {}, "topic_settings": None}.items() if k in stage.contract.promises}
        if stage.name == "topic_raw":
            promises["throughput"] = {"at_least": 1, "least": 10}
        contract = stage.contract.model_copy(update=promises)
        stages.append(stage.model_copy(update={"contract": contract, **places.get(stage.name, {})}))
    return loaded.model_copy(update={"stages": tuple(stages)})


def checked(
    topics: Topics, dataset: Path, model: Path, *, deadline: float = 20.0, stages: tuple[str, ...] | None = None
) -> RunResult:
    """Run the checks."""
    names = {
        "KAFKA_BOOTSTRAP_SERVERS": topics.broker,
        "CHURN_DATASET_PATH": str(dataset),
        "CHURN_MODEL_PATH": str(model),
    }
    with _environment(names):
        return run_checks(pipeline_of(topics), stages, options=Options(deadline=deadline))


def told(result: RunResult) -> dict[str, tuple[Verdict, str]]:
    """Return verdict and message of each check, by stage and kind."""
    return {f"{c.stage}.{c.check}": (c.verdict, c.judgement.message) for c in result.checks}


def findings(result: RunResult) -> list[Finding]:
    """Return all findings."""
    return [f for c in result.checks for f in c.judgement.findings]


def unclean(result: RunResult) -> dict[str, tuple[Verdict, str]]:
    """Return the checks that did not pass; a WARN has no finding."""
    return {name: found for name, found in told(result).items() if found[0] not in (Verdict.PASS, Verdict.WARN)}


@contextmanager
def _environment(names: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
