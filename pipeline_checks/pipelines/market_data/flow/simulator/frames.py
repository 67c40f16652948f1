"""The frames of trades, as raw and combined streams carry them."""

from __future__ import annotations

from typing import Any

import orjson

from pipeline_checks.pipelines.market_data.flow.simulator.trades import Trade


def payload(trade: Trade, microseconds: bool = False) -> dict[str, Any]:
    """Return the event of a trade as the exchange writes it."""
    factor = 1000 if microseconds else 1
    return {
        "e": "trade",
        "E": trade.E * factor,
        "s": trade.s,
        "t": trade.t,
        "p": trade.p,
        "q": trade.q,
        "T": trade.T * factor,
        "m": trade.m,
        "M": True,
    }


def frame(trade: Trade, wrapped: bool, microseconds: bool) -> bytes:
    """Return the frame of a trade, wrapped as a combined stream does it or bare."""
    document = payload(trade, microseconds)
    return combined(document) if wrapped else raw(document)


def raw(payload: dict[str, Any]) -> bytes:
    """Return a payload as the frame of a raw stream."""
    return orjson.dumps(payload)


def combined(payload: dict[str, Any]) -> bytes:
    """Return a payload as the frame of a combined stream."""
    return orjson.dumps({"stream": f"{payload['s'].lower()}@trade", "data": payload})
