"""The ETL: ``sales-etl``. Both topics into Delta by Spark Structured Streaming, one query.

It ends with a failure when the query fails, so that whoever supervises it starts it anew: from the checkpoint, or
without one from the beginning of the topics; what the tables hold already is not added again.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline_checks.clients.monitor import serve_monitor
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError
from pipeline_checks.pipelines.sales.flow.configuration.loading import load
from pipeline_checks.pipelines.sales.flow.streaming.metrics import EtlMetrics
from pipeline_checks.pipelines.sales.flow.streaming.query import Etl, Places
from pipeline_checks.pipelines.sales.flow.tables import EVENTS_TOPIC, LINES_TOPIC

_log = logging.getLogger("pipeline_checks.pipelines.sales.flow.etl")


def main(argv: Sequence[str] | None = None) -> int:
    """Run; 0 when stopped or, with ``--once``, all was taken; 1 when it cannot go on, 2 for a wrong setting."""
    options = _options(argv)
    logging.basicConfig(level=options.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("py4j").setLevel(logging.WARNING)
    try:
        configuration = load(options.config)
        places = Places(
            options.brokers or setting("KAFKA_BOOTSTRAP_SERVERS"),
            options.lines_topic,
            options.events_topic,
            str(options.delta_path or setting("SALES_DELTA_PATH")),
            str(options.checkpoint or setting("SALES_CHECKPOINT_PATH")),
        )
        metrics = EtlMetrics()
        etl = Etl(places, configuration.flow, metrics)
        if options.port is not None:
            serve_monitor(options.port, metrics.registry, etl.health, {"/batches": etl.batches})
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: etl.stop())
        return etl.run(once=options.once)
    except ConfigurationError as problem:
        _log.error("%s", problem)
        return 2
    except PipelineChecksError as problem:
        _log.error("%s", problem)
        return 1
    except Exception:
        _log.exception("the ETL cannot go on")
        return 1


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="sales-etl",
        description="Bring lines and store events from Kafka into Delta, each message once.",
        epilog="Example: sales-etl --once",
    )
    parser.add_argument("--config", type=Path, help="YAML or JSON (SALES_CONFIG)")
    parser.add_argument("--brokers", help="host:port,... (KAFKA_BOOTSTRAP_SERVERS)")
    parser.add_argument("--lines-topic", default=LINES_TOPIC)
    parser.add_argument("--events-topic", default=EVENTS_TOPIC)
    parser.add_argument("--delta-path", type=Path, help="folder of the tables (SALES_DELTA_PATH)")
    parser.add_argument("--checkpoint", type=Path, help="folder of the checkpoint (SALES_CHECKPOINT_PATH)")
    parser.add_argument("--port", type=int, help="answer /health, /metrics and /batches there")
    parser.add_argument("--once", action="store_true", help="take what is there, then end")
    parser.add_argument("--log-level", choices=("DEBUG", "INFO", "WARNING", "ERROR"), default="INFO")
    return parser.parse_args(argv)


if __name__ == "__main__":
    status = main()
    logging.shutdown()
    sys.stdout.flush()
    os._exit(status)  # a JVM that hangs in its shutdown must not keep the process from being started anew
