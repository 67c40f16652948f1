"""The options of the consumer."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline_checks.pipelines.churn.flow import names
from pipeline_checks.pipelines.churn.flow.fault_switches import WORDS
from pipeline_checks.pipelines.churn.flow.logs import LEVELS


def parser() -> argparse.ArgumentParser:
    """Return the parser of the consumer's arguments."""
    made = argparse.ArgumentParser(
        prog="churn-consumer",
        description="Score customers from Kafka: predictions to one topic, everything else to the dead letters.",
        epilog="example: churn-consumer --broker localhost:9092 --mode batch --timeout-ms 5000",
    )
    add = made.add_argument
    add("--mode", choices=("streaming", "batch"), default="streaming", help="batch ends when no message comes")
    add("--broker", default=names.BROKER, metavar="HOST:PORT")
    add("--input-topic", default=names.RAW_TOPIC, metavar="TOPIC")
    add("--output-topic", default=names.PREDICTION_TOPIC, metavar="TOPIC")
    add("--deadletter-topic", default=names.DEAD_LETTER_TOPIC, metavar="TOPIC")
    add("--consumer-group", default=names.GROUP, metavar="NAME")
    add("--delivery", choices=("transactional", "at-least-once"), default="transactional")
    add("--instance", metavar="NAME", help="a process started anew under its name takes over at once")
    add("--model-backend", choices=("sklearn", "spark"), default="sklearn", help="only sklearn is supported")
    add("--model-path", type=Path, default=Path(names.MODEL_PATH), metavar="FILE")
    add(
        "--validate",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="judge by the schemas",
    )
    add("--customer-schema", type=Path, metavar="FILE", help="instead of the one that is shipped")
    add("--prediction-schema", type=Path, metavar="FILE", help="instead of the one that is shipped")
    add("--timeout-ms", type=_positive, default=10_000, help="batch mode: end after so long without a message")
    add("--max-messages", type=_positive, metavar="N", help="end after exactly so many messages")
    add("--batch-size", type=_positive, default=2000, metavar="N", help="messages that go through the model together")
    add("--publish-retries", type=int, default=5, metavar="N", help="failures in a row before the consumer stops")
    add("--transaction-timeout-ms", type=_positive, default=10_000, metavar="MS")
    add("--session-timeout-ms", type=_positive, default=10_000, metavar="MS")
    add("--metrics-port", type=int, metavar="PORT", help="serve /metrics and /health; 0 takes any free port")
    add("--metrics-interval", type=_positive, default=100, metavar="N", help="log a line each N messages")
    add("--summary-file", type=Path, metavar="FILE", help="write what the run came to as JSON")
    add("--run-id", metavar="TEXT", help="header of every record of this run; any when not given")
    add("--dry-run", action="store_true", help="load model and schemas, then end")
    add("--fault", action="append", default=[], metavar="WORD[=ID,...]", help=f"fail on purpose: {', '.join(WORDS)}")
    add("--log-level", choices=LEVELS, default="INFO")
    add("--log-dir", type=Path, default=Path("logs"), metavar="FOLDER")
    return made


def _positive(text: str) -> int:
    number = int(text)
    if number <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number
