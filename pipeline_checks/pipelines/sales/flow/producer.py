"""The producer: ``sales-producer``. The lines of a CSV, or store events, to Kafka, each once."""

from __future__ import annotations

import argparse
import hashlib
import logging
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from pipeline_checks.clients.kafka import admin, translated
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError, TerminalError
from pipeline_checks.pipelines.sales.flow.configuration.loading import load
from pipeline_checks.pipelines.sales.flow.configuration.model import Configuration
from pipeline_checks.pipelines.sales.flow.reading.files import examine
from pipeline_checks.pipelines.sales.flow.sending.checkpoint import Checkpoint
from pipeline_checks.pipelines.sales.flow.sending.messages import PRODUCER, Outgoing, of_lines
from pipeline_checks.pipelines.sales.flow.sending.once import Source, Target, send_once
from pipeline_checks.pipelines.sales.flow.sending.store_events import Catalogue, EventPlan, events, truth
from pipeline_checks.pipelines.sales.flow.tables import EVENTS_TOPIC, LINES_TOPIC

_log = logging.getLogger("pipeline_checks.pipelines.sales.flow.producer")
_CONNECT_SECONDS: Final = 5.0
_INTERVAL: Final = 1.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run. Exit codes: 0 sent or told to stop, 1 refused or not acknowledged, 2 usage or configuration."""
    options = _options(argv)
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        done = _run(options, stop)
    except ConfigurationError as problem:
        _log.error("%s", problem)
        return 2
    except PipelineChecksError as problem:
        _log.error("%s", problem)
        return 1
    text = orjson.dumps(done, option=orjson.OPT_INDENT_2).decode()
    sys.stdout.write(text + "\n")
    if options.summary_file is not None:
        options.summary_file.parent.mkdir(parents=True, exist_ok=True)
        options.summary_file.write_text(text)
    return 0


def _run(options: argparse.Namespace, stop: threading.Event) -> dict[str, Any]:
    configuration = _configured(options)
    bootstrap = options.brokers or setting("KAFKA_BOOTSTRAP_SERVERS")
    if options.lines is not None:
        return _lines(options, configuration, bootstrap, stop)
    return _events(options, configuration, bootstrap, stop)


def _lines(
    options: argparse.Namespace, configuration: Configuration, bootstrap: str, stop: threading.Event
) -> dict[str, Any]:
    path, flow = options.lines, configuration.flow
    examined = examine(path, flow.encoding, flow.on_malformed)
    target = _target(options, configuration, bootstrap, LINES_TOPIC)

    def messages(at: Checkpoint) -> Iterator[Outgoing]:
        return of_lines(path, flow.encoding, at.run_id, target.producer_id)

    file = options.checkpoint or path.with_suffix(".checkpoint.json")
    done = send_once(Source(path.name, examined.sha256, messages), target, file, stop, options.run_id)
    malformed = [{"row": r.number, "line": r.line, "column": r.column, "reason": r.reason} for r in examined.refusals]
    return {**done, "of": examined.records, "sha256": examined.sha256, "malformed": malformed}


def _events(
    options: argparse.Namespace, configuration: Configuration, bootstrap: str, stop: threading.Event
) -> dict[str, Any]:
    plan = EventPlan(
        options.count or options.events or None,
        options.seed,
        options.missing_rate,
        options.duplicate_rate,
        options.invalid_rate,
    )
    folder = options.reference or Path(setting("SALES_REFERENCE_PATH"))
    target = _target(options, configuration, bootstrap, EVENTS_TOPIC)

    def messages(at: Checkpoint) -> Iterator[Outgoing]:
        begun = datetime.fromisoformat(at.started_at)
        return events(plan, Catalogue.read(folder, begun.date()), begun, at.next_number)

    if options.truth is not None:
        options.truth.parent.mkdir(parents=True, exist_ok=True)
        options.truth.write_bytes(orjson.dumps(truth(plan), option=orjson.OPT_INDENT_2))
    file = options.checkpoint or folder / f"{plan.name}.checkpoint.json"
    source = Source(plan.name, hashlib.sha256(repr(plan).encode()).hexdigest(), messages)
    return {**send_once(source, target, file, stop, options.run_id), "of": plan.count}


def _target(options: argparse.Namespace, configuration: Configuration, bootstrap: str, topic: str) -> Target:
    name = options.topic or topic
    with translated(f"connecting to {bootstrap}"):
        present = admin(bootstrap).list_topics(timeout=_CONNECT_SECONDS).topics
    if name not in present:
        raise TerminalError(f"there is no topic {name}.", next_step="Start the stack: pipeline-checks up sales.")
    interval = 0.0 if options.burst or options.interval is None else options.interval
    patience = configuration.pipeline_stages.kafka_producer_timeout
    return Target(bootstrap, name, options.producer_id, patience, interval)


def _configured(options: argparse.Namespace) -> Configuration:
    flow = {"encoding": options.encoding, "on_malformed": options.on_malformed}
    return load(options.config, override={"flow": {k: v for k, v in flow.items() if v is not None}})


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="sales-producer",
        description="Send the lines of a CSV, or store events, to Kafka; called again after a crash it goes on.",
        epilog="Example: sales-producer --lines input/sales_0001.csv --on-malformed quarantine",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--lines", type=Path, metavar="FILE", help="send the lines of this CSV")
    what.add_argument("--events", type=int, nargs="?", const=0, metavar="COUNT", help="send store events, or endlessly")
    parser.add_argument("--count", type=int, help="how many events")
    parser.add_argument("--config", type=Path, help="YAML or JSON (SALES_CONFIG)")
    parser.add_argument("--brokers", help="host:port,... (KAFKA_BOOTSTRAP_SERVERS)")
    parser.add_argument("--topic", help=f"{LINES_TOPIC} or {EVENTS_TOPIC} where it is not given")
    parser.add_argument("--checkpoint", type=Path, help="file that says how far this sending is")
    parser.add_argument("--run-id", help="name of this sending")
    parser.add_argument("--producer-id", default=PRODUCER)
    parser.add_argument("--encoding", help="of the CSV (utf-8)")
    parser.add_argument("--on-malformed", choices=("fail", "quarantine"), help="what a record does that cannot be read")
    parser.add_argument("--interval", type=float, nargs="?", const=_INTERVAL, help="seconds between two events")
    parser.add_argument("--burst", action="store_true", help="without an interval")
    parser.add_argument("--seed", type=int, default=42, help="what the events follow from")
    parser.add_argument("--reference", type=Path, help="folder of the reference files (SALES_REFERENCE_PATH)")
    for name in ("missing", "duplicate", "invalid"):
        parser.add_argument(f"--{name}-rate", type=float, default=0.0, help=f"share of {name} events, 0 to 1")
    parser.add_argument("--truth", type=Path, help="write what must become of the events")
    parser.add_argument("--summary-file", type=Path)
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
