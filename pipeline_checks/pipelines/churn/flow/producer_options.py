"""The options of the producer."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline_checks.pipelines.churn.flow import names
from pipeline_checks.pipelines.churn.flow.logs import LEVELS


def parser() -> argparse.ArgumentParser:
    """Return the parser of the producer's arguments."""
    made = argparse.ArgumentParser(
        prog="churn-producer",
        description="Publish the customers of a CSV: at random (streaming), or each row once and in order (batch).",
        epilog="example: churn-producer --mode batch --broker localhost:9092 --dataset-path customers.csv",
    )
    add, on_off = made.add_argument, argparse.BooleanOptionalAction
    add("--mode", choices=("streaming", "batch"), required=True)
    add("--broker", default=names.BROKER, metavar="HOST:PORT")
    add("--topic", default=names.RAW_TOPIC)
    add("--dataset-path", type=Path, default=Path(names.DATASET_PATH), metavar="FILE", help="a CSV of customers")
    add("--events-per-sec", type=_rate, default=1.0, metavar="R", help="streaming mode")
    add("--batch-size", type=_positive, default=100, metavar="N", help="rows between two checkpoints")
    add("--checkpoint-file", type=Path, default=Path(names.CHECKPOINT_PATH), metavar="FILE")
    add("--at-end", choices=("restart", "stay"), default="restart", help="what the next run does behind the last row")
    add("--correct", action=on_off, default=True, help="look in the topic for rows sent behind the checkpoint")
    add("--count", type=_positive, metavar="N", help="end after so many rows")
    add("--unique", action="store_true", help="streaming mode: no row twice")
    add("--seed", type=int, help="what the choice of rows follows from; any when not given")
    add("--validate", action=on_off, default=True, help="leave out and count rows that the schema refuses")
    add("--deadletter-topic", metavar="TOPIC", help="write refused rows there")
    add("--simulate-lateness", action="store_true", help="tell event times of up to a day ago, by the seed")
    add("--delivery-timeout-ms", type=_positive, default=60_000, metavar="MS")
    add("--run-id", metavar="TEXT", help="header of every record of this run; any when not given")
    add("--summary-file", type=Path, metavar="FILE", help="write what the run came to as JSON")
    add("--dry-run", action="store_true", help="judge the rows and send none")
    add("--kill-at-row", type=int, metavar="N", help="a fault, on purpose: the process kills itself behind that row")
    add("--log-level", choices=LEVELS, default="INFO")
    add("--log-dir", type=Path, default=Path("logs"), metavar="FOLDER")
    return made


def _positive(text: str) -> int:
    number = int(text)
    if number <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def _rate(text: str) -> float:
    number = float(text)
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(f"{text} is not a rate")
    return number
