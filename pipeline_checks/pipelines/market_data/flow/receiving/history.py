"""Trades from the exchange's history, by their ids."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import httpx

from pipeline_checks.clients.http import client, get_json
from pipeline_checks.pipelines.market_data.flow.sequence import Gap

_PAGE: Final = 1000
LARGEST: Final = 100_000
"""Trades that one gap may have to be mended."""


class History:
    """Reads ``/api/v3/historicalTrades`` of an exchange."""

    def __init__(self, url: str, microseconds: bool) -> None:
        self._client: httpx.Client = client(url)
        self._factor = 1000 if microseconds else 1

    async def trades(self, gap: Gap) -> list[dict[str, Any]]:
        """Return the payloads of a gap's trades in order, as far as the exchange has them.

        Raises an error of the project when it does not answer.
        """
        return await asyncio.to_thread(self._read, gap)

    def _read(self, gap: Gap) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        following, last = gap.first, min(gap.last, gap.first + LARGEST - 1)
        while following <= last:
            limit = min(_PAGE, last - following + 1)
            query = {"symbol": gap.symbol, "fromId": following, "limit": limit}
            page, _ = get_json(self._client, "/api/v3/historicalTrades", query)
            page = [t for t in page if following <= t["id"] <= last]
            if not page:
                break
            found += [self._payload(gap.symbol, t) for t in page]
            following = page[-1]["id"] + 1
        return found

    def _payload(self, symbol: str, trade: dict[str, Any]) -> dict[str, Any]:
        """Return a trade of the history as the stream would have brought it; it has no time of an event of its own."""
        at = trade["time"] * self._factor
        return {
            "e": "trade",
            "E": at,
            "s": symbol,
            "t": trade["id"],
            "p": trade["price"],
            "q": trade["qty"],
            "T": at,
            "m": trade["isBuyerMaker"],
            "M": trade["isBestMatch"],
        }

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
