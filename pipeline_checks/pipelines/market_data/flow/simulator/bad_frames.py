"""Frames that are no valid trade, of each kind that a client must survive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

BadKind = Literal[
    "not_json", "no_price", "wrong_event", "zero_quantity", "nine_decimals", "eleven_digits", "unknown_quote"
]
UNKNOWN_SYMBOL: Final = "BTCXYZQ"


def bad_frame(kind: BadKind, payload: dict[str, Any], wrap: Callable[[dict[str, Any]], bytes]) -> bytes:
    """Return a frame of that kind, made from the payload of a valid trade.

    Parameters
    ----------
    wrap:
        Makes a frame of a payload, as the connection's stream does it.
    """
    if kind == "not_json":
        return wrap(payload)[:-7] + b",,}"
    broken = dict(payload)
    if kind == "no_price":
        del broken["p"]
    elif kind == "wrong_event":
        broken["e"] = "aggTrade"
    elif kind == "zero_quantity":
        broken["q"] = "0.00000000"
    elif kind == "nine_decimals":
        broken["p"] = f"{payload['p']}1"
    elif kind == "eleven_digits":
        broken["p"] = "12345678901.00000000"
    else:
        broken["s"] = UNKNOWN_SYMBOL
    return wrap(broken)
