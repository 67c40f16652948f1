"""From a frame to a trade: every value, and every reason for which a frame is none."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import pytest

from pipeline_checks.pipelines.market_data.flow.receiving.normalise import Normaliser, Rejected, packed, unscaled
from pipeline_checks.pipelines.market_data.flow.receiving.receiver import is_control, shuts_down
from pipeline_checks.pipelines.market_data.flow.settings import QUOTES

FRAME = {
    "e": "trade",
    "E": 1_700_000_000_123,
    "s": "BTCUSDT",
    "t": 42,
    "p": "97250.00000001",
    "q": "0.90000000",
    "T": 1_700_000_000_120,
    "m": True,
    "M": True,
}


def normalised(**changes: Any) -> dict[str, Any]:
    """Return the record of a frame with changes; None leaves a field out."""
    frame = {k: v for k, v in {**FRAME, **changes}.items() if v is not None}
    return Normaliser(QUOTES).trade(frame, 1_700_000_000_500_000)


def test_every_field_of_a_trade() -> None:
    assert normalised() == {
        "message_id": str(uuid.uuid5(uuid.NAMESPACE_URL, "BINANCE:BTCUSDT:42")),
        "trade_id": "BINANCE-42",
        "symbol": "BTCUSDT",
        "exchange": "BINANCE",
        "asset_class": "crypto",
        "timestamp": 1_700_000_000_120_000,
        "price": packed(9_725_000_000_001),
        "quantity": packed(90_000_000),
        "currency": "USDT",
        "side": "SELL",
        "trade_conditions": [],
        "source_sequence": 42,
        "ingestion_timestamp": 1_700_000_000_500_000,
        "platform_sequence": None,
        "vendor_data": {
            "is_buyer_maker": "true",
            "event_type": "trade",
            "event_time": "1700000000123",
            "trade_time": "1700000000120",
            "base_asset": "BTC",
            "quote_asset": "USDT",
            "is_best_match": "true",
        },
    }


def test_the_aggressor_buys_when_the_buyer_is_not_the_maker() -> None:
    assert normalised(m=False)["side"] == "BUY"
    assert normalised(M=None)["vendor_data"]["is_best_match"] == ""
    assert normalised(b=1, a=2) == normalised()


def test_a_trade_received_twice_has_the_same_identity_and_another_symbol_another_one() -> None:
    assert normalised()["message_id"] == normalised(q="2.0")["message_id"]
    assert normalised()["message_id"] != normalised(s="ETHUSDT")["message_id"]


def test_times_in_microseconds_are_taken_as_they_are() -> None:
    frame = {**FRAME, "T": FRAME["T"] * 1000 + 7, "E": FRAME["E"] * 1000}  # type: ignore[operator]
    assert Normaliser(QUOTES, microseconds=True).trade(frame, 0)["timestamp"] == 1_700_000_000_120_007


@pytest.mark.parametrize(
    ("symbol", "base", "quote"),
    [
        ("BTCUSDT", "BTC", "USDT"),
        ("ETHBTC", "ETH", "BTC"),
        ("BTCUSD", "BTC", "USD"),
        ("USDTTRY", "USDT", "TRY"),
        ("BNBBUSD", "BNB", "BUSD"),
        ("1000SATSUSDC", "1000SATS", "USDC"),
    ],
)
def test_the_currency_is_the_longest_known_suffix(symbol: str, base: str, quote: str) -> None:
    assert Normaliser(QUOTES).assets(symbol) == (base, quote)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"p": None}, "missing_field"),
        ({"m": None}, "missing_field"),
        ({"e": "aggTrade"}, "wrong_event"),
        ({"q": "0.00000000"}, "not_positive"),
        ({"q": "-1.0"}, "not_positive"),
        ({"p": "1.123456789"}, "too_many_decimals"),
        ({"p": "12345678901.0"}, "too_many_digits"),
        ({"s": "BTCXYZ"}, "unknown_quote"),
        ({"s": "USDT"}, "unknown_quote"),
        ({"s": "btcUSDT"}, "unknown_quote"),
        ({"p": "NaN"}, "not_a_number"),
        ({"p": "1e5"}, "not_a_number"),
        ({"p": 5}, "wrong_type"),
        ({"t": "42"}, "wrong_type"),
        ({"t": True}, "wrong_type"),
        ({"m": 1}, "wrong_type"),
        ({"T": -1}, "out_of_range"),
        ({"t": 2**63}, "out_of_range"),
    ],
)
def test_a_frame_that_is_no_trade_has_its_reason(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Rejected) as rejected:
        normalised(**changes)
    assert rejected.value.reason == reason


@pytest.mark.parametrize("payload", [None, 5, "text", [1]])
def test_a_payload_that_is_no_object_is_rejected(payload: Any) -> None:
    with pytest.raises(Rejected) as rejected:
        Normaliser(QUOTES).trade(payload, 0)
    assert rejected.value.reason == "not_an_object"


@pytest.mark.parametrize("text", ["0.00000001", "9999999999.99999999", "1", "1.5", "1.100000000000", "007.5"])
def test_numbers_that_fit_are_exact(text: str) -> None:
    units = unscaled("p", text)
    assert Decimal(units) / 10**8 == Decimal(text)
    assert int.from_bytes(packed(units), "big", signed=True) == units


def test_answers_and_shutdowns_are_no_bad_frames() -> None:
    assert is_control({"result": None, "id": 1}) and is_control({"code": 2, "msg": "x"})
    assert not is_control({**FRAME, "result": 1, "id": 1})
    assert shuts_down({"e": "serverShutdown", "E": 1}) and shuts_down({"event": {"e": "serverShutdown", "E": 1}})
    assert not shuts_down(FRAME) and not shuts_down([1])
