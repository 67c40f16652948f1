"""From a frame of the exchange to a normalised trade, or to the reason why it is none."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pipeline_checks.pipelines.market_data.flow.settings import EXCHANGE

SCALE: Final = 8
DIGITS: Final = 18
_INTEGER_DIGITS: Final = DIGITS - SCALE
_NUMBER: Final = re.compile(r"([0-9]+)(?:\.([0-9]+))?")
_SYMBOL: Final = re.compile(r"[A-Z0-9]{2,32}")
_REQUIRED: Final = (("e", str), ("E", int), ("s", str), ("t", int), ("p", str), ("q", str), ("T", int), ("m", bool))
_LARGEST: Final = 2**63 - 1
_NAMESPACE: Final = uuid.NAMESPACE_URL


class Rejected(Exception):
    """A frame that is no trade. ``reason`` is one of a few words, ``detail`` says what was wrong with it."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def unscaled(name: str, text: str) -> int:
    """Return a positive number of at most 18 digits, 8 of them decimals, in hundred-millionths.

    Raises Rejected when it is none: ``not_a_number``, ``too_many_decimals``, ``too_many_digits``, ``not_positive``.
    """
    found = _NUMBER.fullmatch(text)
    if found is None:
        reason = "not_positive" if _NUMBER.fullmatch(text.removeprefix("-")) else "not_a_number"
        raise Rejected(reason, f"{name} is {text[:40]!r}")
    whole, decimals = found.group(1), found.group(2) or ""
    if len(decimals) > SCALE:
        if decimals[SCALE:].strip("0"):
            raise Rejected("too_many_decimals", f"{name} has {len(decimals)} decimals, {SCALE} fit")
        decimals = decimals[:SCALE]
    units = int(whole) * 10**SCALE + int(decimals.ljust(SCALE, "0"))
    if units >= 10**DIGITS:
        raise Rejected("too_many_digits", f"{name} has {len(whole.lstrip('0'))} integer digits, {_INTEGER_DIGITS} fit")
    if units == 0:
        raise Rejected("not_positive", f"{name} is {text[:40]!r}")
    return units


def packed(units: int) -> bytes:
    """Return a number as the bytes of Avro's decimal."""
    return units.to_bytes((units.bit_length() + 8) // 8, "big", signed=True)


class Normaliser:
    """Makes trades of payloads.

    Parameters
    ----------
    quotes:
        The quote assets that are known.
    microseconds:
        Whether the exchange's times are in microseconds, not milliseconds.
    """

    def __init__(self, quotes: Sequence[str], microseconds: bool = False) -> None:
        self._quotes = tuple(sorted(set(quotes), key=len, reverse=True))
        self._factor = 1 if microseconds else 1000
        self._assets: dict[str, tuple[str, str]] = {}

    def trade(self, payload: Any, received: int, repaired: bool = False) -> dict[str, Any]:
        """Return the record of a payload that was received at ``received``, in microseconds UTC.

        ``repaired`` marks a trade that comes from the exchange's history. Raises Rejected.
        """
        _look_at(payload)
        symbol, number = payload["s"], payload["t"]
        price, quantity = unscaled("p", payload["p"]), unscaled("q", payload["q"])
        base, quote = self.assets(symbol)
        maker, best = payload["m"], payload.get("M")
        vendor = {
            "is_buyer_maker": "true" if maker else "false",
            "event_type": payload["e"],
            "event_time": str(payload["E"]),
            "trade_time": str(payload["T"]),
            "base_asset": base,
            "quote_asset": quote,
            "is_best_match": "" if best is None else str(best).lower(),
        }
        if repaired:
            vendor["repaired"] = "true"
        return {
            "message_id": str(uuid.uuid5(_NAMESPACE, f"{EXCHANGE}:{symbol}:{number}")),
            "trade_id": f"{EXCHANGE}-{number}",
            "symbol": symbol,
            "exchange": EXCHANGE,
            "asset_class": "crypto",
            "timestamp": payload["T"] * self._factor,
            "price": packed(price),
            "quantity": packed(quantity),
            "currency": quote,
            "side": "SELL" if maker else "BUY",
            "trade_conditions": [],
            "source_sequence": number,
            "ingestion_timestamp": received,
            "platform_sequence": None,
            "vendor_data": vendor,
        }

    def assets(self, symbol: str) -> tuple[str, str]:
        """Return base and quote asset of a symbol; raises Rejected when it ends with no known quote asset."""
        known = self._assets.get(symbol)
        if known is None:
            quote = next((q for q in self._quotes if symbol.endswith(q) and len(symbol) > len(q)), None)
            if quote is None or not _SYMBOL.fullmatch(symbol):
                raise Rejected("unknown_quote", f"symbol {symbol[:40]!r} ends with no quote asset that is known")
            known = self._assets[symbol] = (symbol[: -len(quote)], quote)
        return known


def _look_at(payload: Any) -> None:
    if not isinstance(payload, Mapping):
        raise Rejected("not_an_object", f"the payload is {type(payload).__name__}")
    for name, kind in _REQUIRED:
        if name not in payload:
            raise Rejected("missing_field", f"there is no {name}")
        value = payload[name]
        if type(value) is not kind:
            raise Rejected("wrong_type", f"{name} is {type(value).__name__}, not {kind.__name__}")
    if payload["e"] != "trade":
        raise Rejected("wrong_event", f"e is {payload['e'][:40]!r}, not 'trade'")
    for name in ("t", "T", "E"):
        if not 0 <= payload[name] <= _LARGEST // 1000:
            raise Rejected("out_of_range", f"{name} is {payload[name]}")
