"""What the pipeline ``market_data`` runs on: the shared services, and its own exchange, registry and programs."""

from __future__ import annotations

import secrets
import sys
from functools import cache

from pipeline_checks.stack.ports import ADDRESS
from pipeline_checks.stack.probes import probe_json, probe_ready
from pipeline_checks.stack.service import Placement, Service, Settings
from pipeline_checks.stack.services.kafka import kafka
from pipeline_checks.stack.services.postgres import databases, postgres

_FLOW = "pipeline_checks.pipelines.market_data.flow"
SYMBOLS = ("BTCUSDT", "ETHUSDT", "BNBUSDT")
CATALOG = "market"
TABLE = "market_data.trades"
TOPIC = "market.crypto.trades.binance"
PARTITIONS = 3


@cache
def services() -> list[Service]:
    """Return the services of the pipeline."""
    own = databases("market", {"MARKET_ICEBERG_CATALOG_URL": ("postgresql+psycopg", "market_iceberg")})
    return [postgres(), kafka(), own, _registry(), _prepare(), _exchange(), _stream(), _writer(), _api()]


def _program(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"{_FLOW}.{name}", *arguments)


def _registry() -> Service:
    def settings(placement: Placement) -> Settings:
        return {"MARKET_SCHEMA_REGISTRY_URL": placement.url("market_registry")}

    def command(placement: Placement) -> tuple[str, ...]:
        port, file = placement.ports["market_registry"], placement.folder / "schemas.json"
        return _program("registry", "--port", str(port), "--file", str(file))

    return Service(
        name="market_registry",
        command=command,
        ports=("market_registry",),
        needs=("MARKET_SCHEMA_REGISTRY_URL",),
        settings=settings,
        prepare=_folder,
        probe=lambda settings: probe_json("the schema registry", settings["MARKET_SCHEMA_REGISTRY_URL"], "/subjects"),
        stop_seconds=5,
    )


def _prepare() -> Service:
    return Service(
        name="market_prepare",
        command=lambda placement: _program("prepare"),
        depends_on=("kafka", "market_databases", "market_registry"),
        environment=lambda placement: {**_kafka(placement), **_iceberg(placement)},
        once=True,
        ready_seconds=60,
    )


def _exchange() -> Service:
    """The exchange makes no trades before it is told how many: that is what seeding does."""

    def settings(placement: Placement) -> Settings:
        port = placement.ports["market_exchange"]
        return {
            "MARKET_EXCHANGE_WS_URL": f"ws://{ADDRESS}:{port}",
            "MARKET_EXCHANGE_URL": f"http://{ADDRESS}:{port}",
        }

    def command(placement: Placement) -> tuple[str, ...]:
        port, file = placement.ports["market_exchange"], placement.folder / "ledger.ndjson"
        symbols = ",".join(SYMBOLS)
        arguments = ("--port", str(port), "--ledger", str(file), "--symbols", symbols, "--rate", "500")
        return _program("exchange", *arguments)

    return Service(
        name="market_exchange",
        command=command,
        ports=("market_exchange",),
        needs=("MARKET_EXCHANGE_WS_URL", "MARKET_EXCHANGE_URL"),
        settings=settings,
        prepare=_folder,
        probe=lambda settings: probe_ready("the exchange", settings["MARKET_EXCHANGE_URL"]),
        stop_seconds=5,
    )


def _stream() -> Service:
    def environment(placement: Placement) -> Settings:
        return {
            **_kafka(placement),
            "K2_BINANCE_ENABLED": "true",
            "K2_BINANCE_WEBSOCKET_URL": placement.settings["MARKET_EXCHANGE_WS_URL"],
            "K2_BINANCE_REST_URL": placement.settings["MARKET_EXCHANGE_URL"],
            "K2_BINANCE_SYMBOLS": "[" + ",".join(f'"{s}"' for s in SYMBOLS) + "]",
            "K2_BINANCE_STATE_FILE": str(placement.folder / "sequence.json"),
            # A local exchange is back at once; a live one is given the times of the defaults.
            "K2_BINANCE_RECONNECT_DELAY": "0.5",
            "K2_BINANCE_HEALTH_CHECK_INTERVAL": "1",
            "K2_BINANCE_HEALTH_CHECK_TIMEOUT": "0",
            "K2_BINANCE_GAP_REPAIR": Placement.chosen("MARKET_GAP_REPAIR", "false"),
            **_watched(placement, "market_stream"),
        }

    return Service(
        name="market_stream",
        command=lambda placement: _program("stream"),
        depends_on=("market_prepare", "market_exchange"),
        ports=("market_stream",),
        needs=("MARKET_STREAM_METRICS_URL",),
        settings=lambda placement: {"MARKET_STREAM_METRICS_URL": placement.url("market_stream")},
        environment=environment,
        prepare=_folder,
        probe=lambda settings: probe_ready("the stream client", settings["MARKET_STREAM_METRICS_URL"]),
        stop_seconds=15,
    )


def _writer() -> Service:
    def settings(placement: Placement) -> Settings:
        home = placement.home.path
        return {
            "MARKET_WRITER_METRICS_URL": placement.url("market_writer"),
            "MARKET_ICEBERG_WAREHOUSE": placement.chosen_uri("MARKET_ICEBERG_WAREHOUSE", home / "lake" / "market"),
        }

    def environment(placement: Placement) -> Settings:
        return {
            **_kafka(placement),
            **_iceberg(placement),
            # A consumer that was killed gives its partitions up after this time, and is started anew before.
            "K2_CONSUMER_SESSION_TIMEOUT_MS": "6000",
            **_watched(placement, "market_writer"),
        }

    return Service(
        name="market_writer",
        command=lambda placement: _program("writer"),
        depends_on=("market_prepare",),
        ports=("market_writer",),
        needs=("MARKET_WRITER_METRICS_URL",),
        settings=settings,
        environment=environment,
        probe=lambda settings: probe_ready("the writer", settings["MARKET_WRITER_METRICS_URL"]),
        stop_seconds=10,
    )


def _api() -> Service:
    def settings(placement: Placement) -> Settings:
        key = placement.kept("MARKET_API_KEY", lambda: secrets.token_urlsafe(24))
        return {"MARKET_API_URL": placement.url("market_api"), "MARKET_API_KEY": key}

    def environment(placement: Placement) -> Settings:
        return {
            **_kafka(placement),
            **_iceberg(placement),
            "K2_API_KEY": placement.settings["MARKET_API_KEY"],
            "K2_API_PORT": str(placement.ports["market_api"]),
            # Checks page through the whole table, tests ask ten times a second: on a stack of one's own that may be.
            "K2_API_RATE_LIMIT": Placement.chosen("MARKET_API_RATE_LIMIT", "6000"),
            "K2_API_HEALTH_RATE_LIMIT": "6000",
        }

    return Service(
        name="market_api",
        command=lambda placement: _program("api"),
        depends_on=("market_prepare",),
        ports=("market_api",),
        needs=("MARKET_API_URL", "MARKET_API_KEY"),
        settings=settings,
        environment=environment,
        probe=lambda settings: probe_json("the API", settings["MARKET_API_URL"], "/health"),
        stop_seconds=10,
    )


def _kafka(placement: Placement) -> dict[str, str]:
    return {
        "K2_KAFKA_BOOTSTRAP_SERVERS": placement.settings["KAFKA_BOOTSTRAP_SERVERS"],
        "K2_KAFKA_SCHEMA_REGISTRY_URL": placement.settings["MARKET_SCHEMA_REGISTRY_URL"],
        "K2_KAFKA_TRADES_TOPIC": TOPIC,
        "K2_KAFKA_PARTITIONS": str(PARTITIONS),
    }


def _iceberg(placement: Placement) -> dict[str, str]:
    return {
        "K2_ICEBERG_CATALOG_URI": placement.settings["MARKET_ICEBERG_CATALOG_URL"],
        "K2_ICEBERG_CATALOG_NAME": CATALOG,
        "K2_ICEBERG_WAREHOUSE": placement.settings["MARKET_ICEBERG_WAREHOUSE"],
        "K2_ICEBERG_TABLE": TABLE,
    }


def _watched(placement: Placement, port: str) -> dict[str, str]:
    return {"K2_OBSERVABILITY_PROMETHEUS_PORT": str(placement.ports[port])}


def _folder(placement: Placement) -> None:
    placement.folder.mkdir(parents=True, exist_ok=True)
