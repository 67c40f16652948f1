"""Settings: what is read, what is refused."""

from __future__ import annotations

import pytest

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.pipelines.market_data.flow.settings import (
    ApiSettings,
    BinanceSettings,
    KafkaSettings,
    known_variables,
    load,
    refuse_unknown,
)


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what a developer's environment sets."""
    for name in known_variables():
        monkeypatch.delenv(name, raising=False)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K2_BINANCE_SYMBOLS", '["SOLUSDT"]')
    monkeypatch.setenv("K2_KAFKA_PARTITIONS", "40")
    assert load(BinanceSettings).symbols == ["SOLUSDT"] and load(KafkaSettings).partitions == 40
    assert load(KafkaSettings).dead_letters == "market.crypto.trades.binance.dlq"
    assert load(BinanceSettings).websocket_url.startswith("ws://127.0.0.1:")


def test_a_variable_that_nothing_reads_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K2_LOG_LEVEL", "DEBUG")
    with pytest.raises(ConfigurationError, match="K2_LOG_LEVEL, which nothing reads"):
        load(KafkaSettings)
    refuse_unknown(["PATH", "K2_KAFKA_PARTITIONS"])


def test_a_wrong_value_is_named_and_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K2_API_KEY", "secret")
    with pytest.raises(ConfigurationError) as refused:
        load(ApiSettings)
    assert "K2_API_KEY" in str(refused.value) and "secret" not in str(refused.value)
    monkeypatch.delenv("K2_API_KEY")
    with pytest.raises(ConfigurationError, match="K2_API_KEY"):
        load(ApiSettings)


def test_a_live_exchange_is_held_to_its_own_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K2_BINANCE_PING_INTERVAL_SECONDS", "1")
    assert load(BinanceSettings).ping_interval_seconds == 1
    monkeypatch.setenv("K2_BINANCE_WEBSOCKET_URL", "wss://stream.example.com:9443")
    with pytest.raises(ConfigurationError, match="at least 30"):
        load(BinanceSettings)
