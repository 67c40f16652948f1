"""The churn consumer through the model: its rate with transactions, and what transactions and validation cost."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks.figures import Figure
from benchmarks.own_stack import own_stack

MESSAGES: Final = 60_000
RUNS: Final = 3
RATE, RATIO = 2_000, 1.5
_FLOW: Final = "pipeline_checks.pipelines.churn.flow"
EXACT: Final = ("--delivery", "transactional", "--validate")
BARE: Final = ("--delivery", "at-least-once", "--no-validate")
"""The same loop without transactions and without checks of input and output."""


def measure_churn() -> list[Figure]:
    """Consume the same messages in both ways in turn, each time as a group that has read nothing."""
    from pipeline_checks.pipelines.churn.flow.topics import create, declared
    from pipeline_checks.pipelines.churn.prepare import prepare_model
    from pipeline_checks.pipelines.churn.seed import dataset
    from pipeline_checks.pipelines.churn.seed.customers import customers
    from pipeline_checks.stack.environment import read_env
    from pipeline_checks.stack.services.kafka import kafka

    with own_stack() as provider:
        provider.up([kafka()])
        broker = read_env(provider.home)["KAFKA_BOOTSTRAP_SERVERS"]
        create(broker, declared())
        folder = provider.home.path
        source, model = folder / "customers.csv", folder / "model" / "pipeline.joblib"
        dataset.write(source, customers(MESSAGES, 1))
        prepare_model(model)
        _run("producer", folder, broker, "--mode", "batch", "--dataset-path", str(source), "--batch-size", "5000")
        pairs = [
            (_consume(folder, broker, model, f"exact-{n}", *EXACT), _consume(folder, broker, model, f"bare-{n}", *BARE))
            for n in range(RUNS)
        ]
    rate = statistics.median(MESSAGES / exact for exact, _ in pairs)
    bare = statistics.median(MESSAGES / seconds for _, seconds in pairs)
    ratio = statistics.median(exact / seconds for exact, seconds in pairs)
    how = f"{MESSAGES:,} messages, {RUNS} runs; from the first message to the last commit, the broker beside it"
    return [
        Figure("churn consumer, transactional and validating", rate, "messages/s", RATE, at_least=True, detail=how),
        Figure(
            "the same against at-least-once without validation", ratio, "x", RATIO, detail=f"{bare:,.0f} messages/s"
        ),
    ]


def _consume(folder: Path, broker: str, model: Path, group: str, *options: str) -> float:
    """Return the seconds that a new group takes for all messages."""
    words = ("--consumer-group", group, "--model-path", str(model), "--max-messages", str(MESSAGES))
    summary = _run("consumer", folder, broker, *words, "--metrics-interval", "10000", *options)
    measured = summary["pipeline_metrics"]
    if measured["messages_processed"] != MESSAGES or summary["total_predictions"] != MESSAGES:
        raise RuntimeError(f"{measured['messages_processed']} messages were processed, not {MESSAGES}")
    return float(measured["processing_duration_sec"])


def _run(program: str, folder: Path, broker: str, *options: str) -> dict[str, dict[str, float]]:
    file = folder / "summary.json"
    command = [sys.executable, "-m", f"{_FLOW}.{program}", "--broker", broker, "--summary-file", str(file), *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode != 0:
        raise RuntimeError(f"the {program} failed: {done.stderr[-2000:]}")
    summary: dict[str, dict[str, float]] = json.loads(file.read_bytes())
    return summary
