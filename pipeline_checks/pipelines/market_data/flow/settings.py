"""Settings of the programs, from environment variables that begin with ``K2_``."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline_checks.model.errors import ConfigurationError

S = TypeVar("S", bound=BaseSettings)
PREFIX: Final = "K2_"
EXCHANGE: Final = "BINANCE"
QUOTES: Final = (
    *("USDT", "USDC", "BUSD", "TUSD", "USDP"),
    *("BTC", "ETH", "BNB"),
    *("EUR", "GBP", "AUD", "USD"),
    *("TRY", "ZAR", "UAH", "NGN"),
)
_LOCAL: Final = {"localhost", "127.0.0.1", "::1"}


def _config(group: str) -> SettingsConfigDict:
    return SettingsConfigDict(env_prefix=f"{PREFIX}{group}_", case_sensitive=False, extra="ignore", frozen=True)


class BinanceSettings(BaseSettings):
    """The connection to the exchange; times in seconds unless they say otherwise.

    A live exchange is reached by setting the URLs; the default is a local one.
    """

    model_config = _config("BINANCE")
    enabled: bool = False
    """Nothing is received before somebody says so."""
    websocket_url: str = "ws://127.0.0.1:9443"
    failover_urls: list[str] = []
    rest_url: str = ""
    """Where history is read from when gaps are mended."""
    symbols: list[str] = Field(default=["BTCUSDT", "ETHUSDT"], min_length=1, max_length=1024)
    quotes: list[str] = list(QUOTES)
    """Quote assets that are known; the longest one that a symbol ends with is its currency."""
    time_unit: Literal["MILLISECOND", "MICROSECOND"] = "MILLISECOND"
    reconnect_delay: float = Field(default=5.0, gt=0, le=60)
    max_reconnect_attempts: int = Field(default=10, ge=1)
    health_check_interval: float = Field(default=30.0, gt=0)
    health_check_timeout: float = Field(default=30.0, ge=0)
    """Without a message for so long a connection is stale; 0 is never."""
    ping_interval_seconds: float = Field(default=180.0, gt=0, le=600)
    ping_timeout_seconds: float = Field(default=10.0, gt=0, le=60)
    connection_max_lifetime_hours: float = Field(default=4.0, gt=0, le=24)
    ssl_verify: bool = True
    custom_ca_bundle: str = ""
    gap_repair: bool = False
    state_file: str = ""
    """File that keeps the last ids of the symbols; without one a gap across a restart is not seen."""

    @property
    def urls(self) -> tuple[str, ...]:
        """The URLs in the order in which they are tried."""
        return (self.websocket_url, *self.failover_urls)

    @model_validator(mode="after")
    def _be_kind_to_others(self) -> Self:
        """Hold a live exchange to the times that it asks for; a local one may be tried with shorter ones."""
        if all(urlsplit(u).hostname in _LOCAL for u in self.urls):
            return self
        for name, least in (
            ("ping_interval_seconds", 30),
            ("ping_timeout_seconds", 5),
            ("connection_max_lifetime_hours", 1),
        ):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least} for an exchange that is not on this machine")
        return self


class KafkaSettings(BaseSettings):
    """Kafka and the schema registry."""

    model_config = _config("KAFKA")
    bootstrap_servers: str = "localhost:9092"
    schema_registry_url: str = "http://localhost:8081"
    trades_topic: str = "market.crypto.trades.binance"
    subject: str = "market.crypto.trades-value"
    schema_file: str = ""
    """Avro schema of the trades; the one that is shipped when empty."""
    partitions: int = Field(default=6, ge=1, le=1000)
    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = "snappy"
    linger_ms: int = Field(default=10, ge=0, le=10_000)
    batch_bytes: int = Field(default=16_384, ge=1)
    request_timeout_ms: int = Field(default=30_000, ge=1000)
    delivery_timeout_ms: int = Field(default=120_000, ge=1000)

    @property
    def dead_letters(self) -> str:
        """The topic of what could not be used."""
        return f"{self.trades_topic}.dlq"


class ConsumerSettings(BaseSettings):
    """The writer's consumer."""

    model_config = _config("CONSUMER")
    group: str = "k2-iceberg-writer-crypto-v2"
    batch_size: int = Field(default=1000, ge=1, le=1_000_000)
    batch_seconds: float = Field(default=2.0, gt=0, le=300)
    commit_seconds: float = Field(default=0.5, ge=0, le=300)
    """Least time between two snapshots: what comes meanwhile joins the batch."""
    session_timeout_ms: int = Field(default=45_000, ge=1000)
    max_poll_interval_ms: int = Field(default=300_000, ge=1000)


class IcebergSettings(BaseSettings):
    """The table and its catalogue: a URL of a database (``postgresql+psycopg://``), or of an Iceberg REST catalogue."""

    model_config = _config("ICEBERG")
    catalog_uri: SecretStr = SecretStr("http://localhost:8181")
    catalog_name: str = "iceberg"
    warehouse: str = "s3://warehouse/"
    table: str = "market_data.trades"
    s3_endpoint: str = "http://localhost:9000"
    s3_access_key: str = "admin"
    s3_secret_key: SecretStr = SecretStr("password")


class ApiSettings(BaseSettings):
    """The API. ``key`` has no default: nobody serves with a key that stands in a source."""

    model_config = _config("API")
    key: SecretStr = Field(min_length=8)
    port: int = Field(default=8000, ge=0, le=65_535)
    rate_limit: int = Field(default=100, ge=1)
    """Requests a minute for each key."""
    health_rate_limit: int = Field(default=60, ge=1)


class ObservabilitySettings(BaseSettings):
    """Logs and metrics of every program."""

    model_config = _config("OBSERVABILITY")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    prometheus_port: int = Field(default=9090, ge=0, le=65_535)
    enable_metrics: bool = True
    environment: str = "local"


_GROUPS: Final[tuple[type[BaseSettings], ...]] = (
    BinanceSettings,
    KafkaSettings,
    ConsumerSettings,
    IcebergSettings,
    ApiSettings,
    ObservabilitySettings,
)


def known_variables() -> set[str]:
    """Return the names of all variables that are read."""
    return {f"{g.model_config['env_prefix']}{name.upper()}" for g in _GROUPS for name in g.model_fields}


def refuse_unknown(names: Iterable[str] | None = None) -> None:
    """Refuse variables with our prefix that nothing reads: a mistyped one would otherwise be a default in silence.

    Raises ConfigurationError naming them.
    """
    given = {n for n in (os.environ if names is None else names) if n.startswith(PREFIX)}
    unknown = sorted(given - known_variables())
    if unknown:
        raise ConfigurationError(
            f"the environment sets {', '.join(unknown)}, which nothing reads.",
            next_step=f"Correct or remove it; known are {', '.join(sorted(known_variables()))}.",
            variables=unknown,
        )


def load(kind: type[S]) -> S:
    """Return the settings of one group; raises ConfigurationError naming each variable that is wrong or missing."""
    refuse_unknown()
    try:
        return kind()
    except ValidationError as problem:
        prefix = kind.model_config["env_prefix"]
        told = "; ".join(
            f"{prefix}{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" if e["loc"] else e["msg"]
            for e in problem.errors(include_input=False)
        )
        raise ConfigurationError(f"the settings cannot be used: {told}.", next_step="Correct them.") from None
