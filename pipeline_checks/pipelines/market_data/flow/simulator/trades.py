"""Trades that follow from a seed: per symbol a walk of prices, ids from 1 without a gap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Final, NamedTuple

MAX_ID: Final = 2**63 - 1


class Trade(NamedTuple):
    """One trade as the exchange publishes it; times in milliseconds UTC, or microseconds where the ledger says so."""

    s: str
    t: int
    p: str
    q: str
    T: int
    m: bool
    E: int


@dataclass(frozen=True)
class Market:
    """How the trades of one symbol look.

    Parameters
    ----------
    price:
        The price that the walk begins at.
    decimals:
        Decimals of the price that are in use; eight are always written.
    """

    symbol: str
    price: Decimal
    decimals: int = 2
    quantity_decimals: int = 5


_KNOWN: Final = {
    m.symbol: m
    for m in (
        Market("BTCUSDT", Decimal("97250.00")),
        Market("ETHUSDT", Decimal("3411.50")),
        # Eight decimals in use, which a column of fewer cannot hold.
        Market("BNBUSDT", Decimal("642.12345678"), decimals=8, quantity_decimals=8),
    )
}


def market(symbol: str) -> Market:
    """Return how the trades of a symbol look."""
    return _KNOWN.get(symbol, Market(symbol, Decimal("100.00")))


class _Walk:
    """The prices and quantities of one symbol, the same for equal seeds whatever the other symbols do."""

    def __init__(self, seed: int, market: Market, made: int) -> None:
        self._random = Random(f"{seed}:{market.symbol}")
        self._scale = 10**market.decimals
        self._start = self._price = int(market.price * self._scale)
        self._pad = 8 - market.decimals
        self._quantity_pad = 8 - market.quantity_decimals
        self._largest = 2 * 10**market.quantity_decimals
        for _ in range(made):
            self.step()

    def step(self) -> tuple[str, str, bool]:
        """Return price, quantity and whether the buyer is the maker."""
        random = self._random
        move = int(random.gauss(0.0, 1.0) * self._start * 0.00005)
        # Held near the start, so that the walk reaches neither zero nor eleven digits however long it is.
        self._price = max(self._start // 2, min(self._start * 2, self._price + move))
        price = _text(self._price * 10**self._pad)
        quantity = _text(random.randint(1, self._largest) * 10**self._quantity_pad)
        return price, quantity, random.random() < 0.5


def _text(units: int) -> str:
    """Return a number of hundred-millionths as text with eight decimals."""
    return f"{units // 100_000_000}.{units % 100_000_000:08d}"


class TradeSource:
    """Makes the trades of several symbols in turn.

    Parameters
    ----------
    made:
        How many trades of each symbol were made already: the source goes on behind them.
    """

    def __init__(self, seed: int, symbols: Sequence[str], made: dict[str, int]) -> None:
        self.symbols = tuple(symbols)
        self._walks = {s: _Walk(seed, market(s), made.get(s, 0)) for s in self.symbols}
        self._made = {s: made.get(s, 0) for s in self.symbols}
        self._turn = sum(self._made.values()) % max(1, len(self.symbols))

    def next(self, milliseconds: int) -> Trade:
        """Return the next trade, made at that time."""
        symbol = self.symbols[self._turn]
        self._turn = (self._turn + 1) % len(self.symbols)
        price, quantity, maker = self._walks[symbol].step()
        self._made[symbol] += 1
        return Trade(symbol, self._made[symbol], price, quantity, milliseconds, maker, milliseconds)
