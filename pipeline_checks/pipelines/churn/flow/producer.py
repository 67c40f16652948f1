"""The producer: ``churn-producer``. Customers of a CSV to Kafka, row by row or at random."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import uuid
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any, Final

import orjson

from pipeline_checks.clients.kafka_records import ends
from pipeline_checks.model.errors import PipelineChecksError, TerminalError
from pipeline_checks.pipelines.churn.flow import checkpoint as checkpoints
from pipeline_checks.pipelines.churn.flow.batch_sending import BatchSending
from pipeline_checks.pipelines.churn.flow.checkpoint import Checkpoint
from pipeline_checks.pipelines.churn.flow.dataset import Customer, read_customers
from pipeline_checks.pipelines.churn.flow.logs import start_logging
from pipeline_checks.pipelines.churn.flow.producer_options import parser
from pipeline_checks.pipelines.churn.flow.sending import Destination, Sender
from pipeline_checks.pipelines.churn.flow.stopping import Stop
from pipeline_checks.pipelines.churn.flow.topics import require
from pipeline_checks.pipelines.churn.flow.validation import customer_validator

_log = logging.getLogger("pipeline_checks.pipelines.churn.flow.producer")

_PROGRESS_EVERY: Final = 100


def main(argv: Sequence[str] | None = None) -> int:
    """Run the producer. Exit codes: 0 done or told to stop, 1 it cannot work or rows did not arrive, 2 usage."""
    options = parser().parse_args(argv)
    start_logging("producer", options.log_level, options.log_dir)
    stop = Stop()
    stop.listen()
    try:
        return _run(options, stop)
    except FileNotFoundError as problem:
        _log.error("there is no data set %s", problem.filename or problem)
        return 1
    except (PipelineChecksError, OSError, ValueError) as problem:
        _log.error("%s", problem)
        return 1
    except Exception:
        _log.exception("the producer cannot go on")
        return 1


def _run(options: argparse.Namespace, stop: Stop) -> int:
    begun = monotonic()
    if not options.dataset_path.is_file():
        raise FileNotFoundError(options.dataset_path)
    if not options.dry_run:
        require(options.broker, [t for t in (options.topic, options.deadletter_topic) if t is not None])
    run_id = options.run_id or uuid.uuid4().hex
    at = _checkpoint(options) if options.mode == "batch" else Checkpoint(run_id)
    sender = Sender(
        Destination(
            options.broker,
            options.topic,
            options.deadletter_topic,
            at.source_pass,
            run_id,
            options.delivery_timeout_ms,
        ),
        customer_validator() if options.validate else None,
        Random(f"lateness {options.seed}") if options.simulate_lateness else None,
        stop,
        dry=options.dry_run,
        kill_at=options.kill_at_row,
    )
    try:
        if options.mode == "batch":
            sending = BatchSending(options, sender, at, stop)
            arrived = sending.run(read_customers(options.dataset_path, at.next_row))
            found = sending.found
        else:
            arrived, found = _stream(options, sender, stop), 0
    finally:
        sender.close()
    _summarise(options, sender, found, monotonic() - begun, run_id)
    return 0 if arrived or (stop.asked and not sender.sent.counts["failed"]) else 1


def _checkpoint(options: argparse.Namespace) -> Checkpoint:
    """Return where to go on; a new sending is written down before its first row, so that a kill leaves its traces."""
    at = checkpoints.load(options.checkpoint_file)
    if options.dry_run:
        return at or Checkpoint()
    topics = [t for t in (options.topic, options.deadletter_topic) if t is not None]
    if at is None:
        at = Checkpoint(offsets=ends(options.broker, topics))
        at.save(options.checkpoint_file)
        return at
    unknown = [t for t in topics if t not in at.offsets]
    if unknown:
        if options.topic in unknown and at.next_row:
            raise TerminalError(
                f"the checkpoint {options.checkpoint_file} is of another topic than {options.topic}.",
                next_step="Name another file with --checkpoint-file.",
            )
        at = Checkpoint(at.source_pass, at.next_row, {**at.offsets, **ends(options.broker, unknown)})
        at.save(options.checkpoint_file)
    _log.info("going on at row %d", at.next_row)
    return at


def _stream(options: argparse.Namespace, sender: Sender, stop: Stop) -> bool:
    """Send rows at random, at the given rate, until told to stop or until the count is reached."""
    begun = monotonic()
    drawn = _drawn(list(read_customers(options.dataset_path)), options)
    for number, (row, customer) in enumerate(islice(drawn, options.count), 1):
        if stop.wait(begun + (number - 1) / options.events_per_sec - monotonic()):
            break
        sender.send(row, customer)
        if number % _PROGRESS_EVERY == 0:
            _log.info("%d messages", number)
        if sender.sent.counts["failed"]:
            break
    return sender.settle()


def _drawn(rows: Sequence[tuple[int, Customer]], options: argparse.Namespace) -> Iterator[tuple[int, Customer]]:
    if not rows:
        raise ValueError(f"{options.dataset_path} holds no rows")
    random: Any = Random(options.seed)
    if options.unique:
        yield from random.sample(rows, len(rows))
        return
    while True:
        yield random.choice(rows)


def _summarise(options: argparse.Namespace, sender: Sender, found: int, seconds: float, run_id: str) -> None:
    counts = sender.sent.counts
    rate = counts["sent"] / seconds if seconds else 0.0
    _log.info(
        "sent %d, failed %d, validation failures %d, dead letters %d, there already %d, %.1f s, %.1f/s",
        *(counts[name] for name in ("sent", "failed", "invalid", "dead_lettered")),
        *(found, seconds, rate),
    )
    if options.summary_file is not None:
        _write(options.summary_file, {**counts, "found": found, "seconds": round(seconds, 3), "run_id": run_id})


def _write(file: Path, summary: dict[str, Any]) -> None:
    whole = {name: 0 for name in ("sent", "failed", "invalid", "dead_lettered")} | summary
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(orjson.dumps(whole, option=orjson.OPT_INDENT_2))


def run_and_exit() -> None:
    """Run as a program: leave at once when all is done, whatever threads of the client still wait for a broker."""
    status = main()
    logging.shutdown()
    sys.stdout.flush()
    os._exit(status)


if __name__ == "__main__":
    run_and_exit()
