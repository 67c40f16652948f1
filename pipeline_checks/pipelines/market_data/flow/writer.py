"""The writer: ``python -m pipeline_checks.pipelines.market_data.flow.writer``. Settings: variables K2_*."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Sequence

from pipeline_checks.clients.monitor import serve_monitor
from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError
from pipeline_checks.pipelines.market_data.flow.avro import Decoder, registry, schema_by_id
from pipeline_checks.pipelines.market_data.flow.metrics import Metrics
from pipeline_checks.pipelines.market_data.flow.settings import (
    ConsumerSettings,
    IcebergSettings,
    KafkaSettings,
    ObservabilitySettings,
    load,
)
from pipeline_checks.pipelines.market_data.flow.table.consumer import TopicWriter
from pipeline_checks.pipelines.market_data.flow.table.dead_letters import DeadLetters
from pipeline_checks.pipelines.market_data.flow.table.definition import catalog_of
from pipeline_checks.pipelines.market_data.flow.table.sink import TradesSink

_log = logging.getLogger(__name__)


def build(
    kafka: KafkaSettings,
    consuming: ConsumerSettings,
    iceberg: IcebergSettings,
    metrics: Metrics,
    most: int | None = None,
) -> tuple[TopicWriter, DeadLetters]:
    """Return the writer of the settings, and its dead letters, which are to be closed behind it."""
    decoder = Decoder(schema_by_id(registry(kafka.schema_registry_url)))
    letters = DeadLetters(kafka)
    sink = TradesSink(catalog_of(iceberg), iceberg.table, kafka.trades_topic, decoder, letters, metrics)
    return TopicWriter(kafka, consuming, sink, metrics, most), letters


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="market-writer",
        description="Write trades from Kafka into an Iceberg table, each once.",
        epilog="Settings are environment variables K2_KAFKA_*, K2_CONSUMER_*, K2_ICEBERG_* and K2_OBSERVABILITY_*.",
    )
    parser.add_argument("--batch-size", type=int, help="records of a batch (K2_CONSUMER_BATCH_SIZE)")
    parser.add_argument("--max-messages", type=int, help="stop after so many records")
    parser.add_argument("--consumer-group", help="group of the consumer (K2_CONSUMER_GROUP)")
    parser.add_argument("--no-ui", action="store_true", help="taken for compatibility: there is none")
    parser.add_argument("--log-level", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run; 0 when stopped, 1 when it cannot go on (it is to be started anew), 2 for a wrong setting."""
    options = _options(argv)
    try:
        kafka, iceberg, watching = load(KafkaSettings), load(IcebergSettings), load(ObservabilitySettings)
        consuming = load(ConsumerSettings)
        given = {"batch_size": options.batch_size, "group": options.consumer_group}
        consuming = consuming.model_copy(update={k: v for k, v in given.items() if v is not None})
        level = options.log_level or watching.log_level
        logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
        for name in ("httpx", "httpx2"):
            logging.getLogger(name).setLevel(logging.WARNING)
        metrics = Metrics("consumer-crypto", watching.environment, "consumer")
        writer, letters = build(kafka, consuming, iceberg, metrics, options.max_messages)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: writer.stop())
        if watching.enable_metrics:
            serve_monitor(watching.prometheus_port, metrics.registry, writer.health)
        try:
            writer.run()
        finally:
            letters.close()
        _log.info("stopped: %s", writer.health())
    except ConfigurationError as problem:
        _log.error("%s", problem)
        return 2
    except PipelineChecksError as problem:
        _log.error("the writer cannot go on: %s", problem)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
