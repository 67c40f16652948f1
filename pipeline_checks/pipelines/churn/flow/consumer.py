"""The consumer: ``churn-consumer``. Customers from Kafka through the model to predictions and dead letters."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import orjson

from pipeline_checks.clients.fitted_model import FittedModel, load_model
from pipeline_checks.clients.monitor import serve_monitor
from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError
from pipeline_checks.pipelines.churn.flow import consuming, names
from pipeline_checks.pipelines.churn.flow.consumer_options import parser
from pipeline_checks.pipelines.churn.flow.fault_switches import FaultSwitches
from pipeline_checks.pipelines.churn.flow.logs import start_logging
from pipeline_checks.pipelines.churn.flow.metrics import ConsumerMetrics
from pipeline_checks.pipelines.churn.flow.publishing import AtLeastOncePublisher, Publisher, TransactionalPublisher
from pipeline_checks.pipelines.churn.flow.reading import Reader
from pipeline_checks.pipelines.churn.flow.scoring import Scorer
from pipeline_checks.pipelines.churn.flow.stopping import Stop
from pipeline_checks.pipelines.churn.flow.topics import require
from pipeline_checks.pipelines.churn.flow.validation import customer_validator, prediction_validator
from pipeline_checks.pipelines.churn.flow.watching import BrokerWatch

_log = logging.getLogger("pipeline_checks.pipelines.churn.flow.consumer")

VERSION: Final = "1.0"
_LEAVE_SECONDS: Final = 2.0
"""How long leaving the group may take; without a broker nobody answers."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the consumer. Exit codes: 0 told to stop or done, 1 it cannot work, 2 usage."""
    options = parser().parse_args(argv)
    start_logging("consumer", options.log_level, options.log_dir)
    stop = Stop()
    stop.listen()
    try:
        return _run(options, stop)
    except (PipelineChecksError, OSError, ValueError) as problem:
        _log.error("%s", problem)
        return 1
    except Exception:
        _log.exception("the consumer cannot go on")
        return 1


def _run(options: argparse.Namespace, stop: Stop) -> int:
    if options.model_backend != "sklearn":
        raise ConfigurationError(
            f"the model backend {options.model_backend!r} is not supported.", next_step="Use --model-backend sklearn."
        )
    info = {
        "version": VERSION,
        "mode": options.mode,
        "broker": options.broker,
        "consumer_group": options.consumer_group,
        "model_backend": options.model_backend,
    }
    metrics = ConsumerMetrics(options.input_topic, info)
    server = (
        None if options.metrics_port is None else serve_monitor(options.metrics_port, metrics.registry, metrics.health)
    )
    if server is not None:
        _log.info("metrics on http://127.0.0.1:%d/metrics", server.server_port)
    scorer, model = _scorer(options)
    metrics.set_model_loaded(True)
    if options.dry_run:
        _log.info("dry run: model %s and schemas are loaded", model.version)
        return 0
    require(options.broker, [options.input_topic, options.output_topic, options.deadletter_topic])
    reader = Reader(
        options.broker,
        options.input_topic,
        options.consumer_group,
        session_timeout_ms=options.session_timeout_ms,
        instance=options.instance,
    )
    publisher = _publisher(options, stop)
    watch = BrokerWatch(options.broker, options.input_topic, metrics.set_broker_connected)
    places = consuming.Places(
        options.output_topic, options.deadletter_topic, options.consumer_group, options.run_id or uuid.uuid4().hex
    )
    limits = consuming.Limits(
        batch=options.batch_size,
        idle_seconds=options.timeout_ms / 1000 if options.mode == "batch" else None,
        messages=options.max_messages,
        retries=options.publish_retries,
        report_every=options.metrics_interval,
    )
    _log.info("run %s: model %s, %s", places.run_id, model.version, options.delivery)
    loop = consuming.ConsumerLoop(reader, scorer, publisher, places, metrics, stop, limits)
    try:
        loop.run()
    finally:
        _log.info("%s", loop.totals.log_line())
        _write_summary(options.summary_file, loop.totals.summary(loop.seconds))
        publisher.close()
        watch.end()
        _leave(reader)
        if server is not None:
            server.shutdown()
    return 0


def _scorer(options: argparse.Namespace) -> tuple[Scorer, FittedModel]:
    model = load_model(options.model_path, names.FEATURES)
    customers = customer_validator(options.customer_schema)
    predictions = prediction_validator(options.prediction_schema)
    validating = options.validate
    faults = FaultSwitches.parse(options.fault)
    for word in faults.on:
        _log.warning("a fault is switched on: %s", word)
    return Scorer(model, customers if validating else None, predictions if validating else None, faults), model


def _publisher(options: argparse.Namespace, stop: Stop) -> Publisher:
    if options.delivery == "at-least-once":
        return AtLeastOncePublisher(options.broker, options.transaction_timeout_ms, stop)
    name = options.instance or uuid.uuid4().hex
    transactional_id = f"{options.consumer_group}-{options.input_topic}-{name}"
    return TransactionalPublisher(options.broker, transactional_id, options.transaction_timeout_ms, stop)


def _write_summary(file: Path | None, summary: dict[str, object]) -> None:
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(orjson.dumps(summary, option=orjson.OPT_INDENT_2))


def _leave(reader: Reader) -> None:
    leaving = threading.Thread(target=reader.close, name="leaving", daemon=True)
    leaving.start()
    leaving.join(_LEAVE_SECONDS)


def run_and_exit() -> None:
    """Run as a program: leave at once when all is done, whatever threads of the client still wait for a broker."""
    status = main()
    logging.shutdown()
    sys.stdout.flush()
    os._exit(status)


if __name__ == "__main__":
    run_and_exit()
