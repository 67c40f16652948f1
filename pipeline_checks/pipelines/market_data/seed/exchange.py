"""Tells the local exchange to make trades, and waits until its ledger holds them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from pipeline_checks.clients.http import client, get_json, translated
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import ConfigurationError, TerminalError, TransientError

SEED: Final = 42
"""The seed that the stack's exchange runs with."""
_PATIENCE: Final = 30.0
"""Seconds without a new trade after which the exchange counts as stuck."""


@dataclass(frozen=True)
class FeedSummary:
    """What the exchange's ledger holds: trades of each symbol."""

    seed: int
    counts: dict[str, int]
    position: int

    def expected_counts(self) -> dict[str, int]:
        """Return how many trades of each symbol there are."""
        return dict(self.counts)

    def to_json(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        return {"seed": self.seed, "position": self.position, "symbols": dict(self.counts)}


def seed(
    rows: int, seed: int = SEED, scenario: str = "default", progress: Callable[[str, int], None] | None = None
) -> FeedSummary:
    """Have the exchange make about ``rows`` trades, equally many of each symbol, and wait until they are made.

    Raises ConfigurationError for another seed than the exchange runs with, and TransientError when it gets stuck:
    it waits for somebody who has subscribed to its trades.
    """
    before = _ledger()
    if before["seed"] != seed and seed != SEED:
        raise ConfigurationError(
            f"the exchange runs with the seed {before['seed']}, not {seed}.",
            next_step="Its trades follow from the seed it was started with: use that one.",
        )
    if scenario != "default":
        raise ConfigurationError(f"there is no seed scenario {scenario!r}.", next_step="Leave it out.")
    symbols = _course()["symbols"]
    _change_course({"count": max(1, -(-rows // len(symbols)))})
    return _finished(progress)


def change(seed: int = SEED, *, progress: Callable[[str, int], None] | None = None) -> FeedSummary:
    """Have the exchange make a hundred more trades of each symbol."""
    _change_course({"count": 100})
    return _finished(progress)


def is_empty() -> bool:
    """Whether the exchange has made no trades."""
    return bool(_ledger()["position"] == 0)


def expected_counts() -> dict[str, int]:
    """Return how many trades of each symbol the exchange has made."""
    return {symbol: sums["count"] for symbol, sums in _ledger()["symbols"].items()}


def _finished(progress: Callable[[str, int], None] | None) -> FeedSummary:
    position = -1
    while True:
        now = int(_ledger()["position"])
        if progress is not None:
            progress("trades", now)
        if _course()["idle"]:
            break
        if now == position:
            raise TransientError(
                f"the exchange has made no trade for {_PATIENCE:g} s.",
                next_step="See that the stream client runs and is connected to it.",
            )
        position = now
        Deadline(_PATIENCE).wait_until(partial(_goes_on, now))
    ledger = _ledger()
    counts = {s: sums["count"] for s, sums in ledger["symbols"].items()}
    return FeedSummary(ledger["seed"], counts, ledger["position"])


def _goes_on(position: int) -> bool:
    return bool(_ledger()["position"] > position or _course()["idle"])


def _ledger() -> Any:
    return _read("/ledger")


def _course() -> Any:
    return _read("/feed")


def _read(path: str) -> Any:
    with client(setting("MARKET_EXCHANGE_URL")) as session:
        return get_json(session, path)[0]


def _change_course(change: dict[str, Any]) -> None:
    with client(setting("MARKET_EXCHANGE_URL")) as session, translated("POST /feed"):
        answer = session.post("/feed", json=change)
        if answer.status_code != 200:
            raise TerminalError(f"the exchange does not take the change: {answer.status_code} {answer.text[:200]}")
