"""The stream client: ``python -m pipeline_checks.pipelines.market_data.flow.stream``. Settings: variables K2_*."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pipeline_checks.clients.monitor import serve_monitor
from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError
from pipeline_checks.pipelines.market_data.flow.avro import Encoder, registered_id, registry, schema_text
from pipeline_checks.pipelines.market_data.flow.metrics import Metrics
from pipeline_checks.pipelines.market_data.flow.receiving.history import History
from pipeline_checks.pipelines.market_data.flow.receiving.memory import EVERY, WARN_ABOVE, MemoryWatch
from pipeline_checks.pipelines.market_data.flow.receiving.normalise import Normaliser
from pipeline_checks.pipelines.market_data.flow.receiving.publishing import TradePublisher
from pipeline_checks.pipelines.market_data.flow.receiving.receiver import GivenUp, Receiver
from pipeline_checks.pipelines.market_data.flow.sequence import SequenceFile
from pipeline_checks.pipelines.market_data.flow.settings import (
    BinanceSettings,
    KafkaSettings,
    ObservabilitySettings,
    load,
)

_log = logging.getLogger(__name__)
FLUSH_SECONDS: Final = 10.0
_SAVE_SECONDS: Final = 0.5


class StreamClient:
    """The whole client: connection, normalisation, Kafka, monitoring."""

    def __init__(self, binance: BinanceSettings, kafka: KafkaSettings, watching: ObservabilitySettings) -> None:
        self.metrics = Metrics("binance-stream", watching.environment, "client")
        text = schema_text(kafka)
        encoder = Encoder(text, registered_id(registry(kafka.schema_registry_url), kafka.subject, text))
        microseconds = binance.time_unit == "MICROSECOND"
        state = SequenceFile(Path(binance.state_file) if binance.state_file else None)
        self.publisher = TradePublisher(kafka, encoder, Normaliser(binance.quotes, microseconds), state, self.metrics)
        self._history = None
        if binance.gap_repair:
            if not binance.rest_url:
                raise ConfigurationError(
                    "gaps cannot be repaired without the exchange's history.", next_step="Set K2_BINANCE_REST_URL."
                )
            self._history = History(binance.rest_url, microseconds)
        self._settings = binance
        self._watching = watching
        self.receiver: Receiver | None = None

    async def run(self) -> None:
        """Receive until SIGTERM or SIGINT, then let Kafka take what waits. Raises what keeps it from going on."""
        self.receiver = Receiver(self._settings, self.publisher, self._history, self.metrics)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.receiver.stop)
        monitor = None
        if self._watching.enable_metrics:
            documents = {"/sequence": self.sequence}
            monitor = serve_monitor(self._watching.prometheus_port, self.metrics.registry, self.health, documents)
        beside = [asyncio.create_task(self._save()), asyncio.create_task(self._watch_memory())]
        try:
            await self.receiver.run()
        finally:
            for task in beside:
                task.cancel()
            try:
                await asyncio.to_thread(self.publisher.close, FLUSH_SECONDS)
            finally:
                if monitor is not None:
                    monitor.shutdown()
        _log.info("stopped: %s", self.totals())

    async def _save(self) -> None:
        never = asyncio.Event()
        while True:
            try:
                await asyncio.wait_for(never.wait(), _SAVE_SECONDS)
            except TimeoutError:
                self.publisher.save()

    async def _watch_memory(self) -> None:
        never, watch = asyncio.Event(), MemoryWatch()
        while True:
            used, score = watch.sample(asyncio.get_running_loop().time())
            self.metrics.gauge("memory_usage_bytes").set(used)
            self.metrics.gauge("memory_leak_score").set(score)
            if score > WARN_ABOVE:
                _log.warning("memory looks as if it leaked: %.0f MB, score %.2f", used / 2**20, score)
            try:
                await asyncio.wait_for(never.wait(), EVERY)
            except TimeoutError:
                pass  # time for the next sample

    def totals(self) -> dict[str, int]:
        """Return what was done so far."""
        publisher = self.publisher
        return {
            "published": publisher.published,
            "rejected": publisher.rejected,
            "repaired": publisher.repaired,
            "waiting": publisher.waiting,
        }

    def sequence(self) -> dict[str, Any]:
        """Return events and gaps of the symbols' sequences."""
        return self.publisher.tracker.document()

    def health(self) -> dict[str, Any]:
        """Return whether it receives, and what it has done."""
        assert self.receiver is not None
        state = self.receiver.state
        return {
            "ready": state.connected and self.publisher.failure is None,
            "message": "" if state.connected else f"not connected to {state.url}",
            "url": state.url,
            "connections": state.connections,
            "reconnects": state.reconnects,
            "last_end": state.last_end,
            **self.totals(),
        }


def main(argv: Sequence[str] | None = None) -> int:
    """Run; 0 when stopped, 1 when it cannot go on (it is to be started anew), 2 for a wrong setting."""
    argparse.ArgumentParser(
        prog="market-stream",
        description="Receive an exchange's trades over WebSocket and write them to Kafka.",
        epilog="Settings are environment variables K2_BINANCE_*, K2_KAFKA_* and K2_OBSERVABILITY_*.",
    ).parse_args(argv)
    try:
        binance, kafka, watching = load(BinanceSettings), load(KafkaSettings), load(ObservabilitySettings)
        logging.basicConfig(level=watching.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
        for name in ("httpx", "httpx2", "websockets"):
            logging.getLogger(name).setLevel(logging.WARNING)
        if not binance.enabled:
            _log.info("K2_BINANCE_ENABLED is false: nothing to do")
            return 0
        asyncio.run(StreamClient(binance, kafka, watching).run())
    except ConfigurationError as problem:
        _log.error("%s", problem)
        return 2
    except (PipelineChecksError, GivenUp) as problem:
        _log.error("the client cannot go on: %s", problem)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
