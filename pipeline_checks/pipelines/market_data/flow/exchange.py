"""The local exchange: ``python -m pipeline_checks.pipelines.market_data.flow.exchange``."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from pipeline_checks.clients.settings import listen_address
from pipeline_checks.pipelines.market_data.flow.simulator.connection import Limits
from pipeline_checks.pipelines.market_data.flow.simulator.feed import Course, Feed
from pipeline_checks.pipelines.market_data.flow.simulator.ledger import Ledger
from pipeline_checks.pipelines.market_data.flow.simulator.plan import Plan, read_plan
from pipeline_checks.pipelines.market_data.flow.simulator.server import Exchange

_log = logging.getLogger(__name__)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    known = Limits()
    parser = argparse.ArgumentParser(
        prog="market-exchange",
        description="A local exchange that speaks the live exchange's WebSocket protocol and keeps a ledger.",
        epilog="Example: market-exchange --port 9443 --count 1000 --rate 50",
    )
    parser.add_argument("--port", type=int, default=0, help="port of 127.0.0.1; 0 takes a free one and prints it")
    parser.add_argument("--symbols", default="BTCUSDT,ETHUSDT,BNBUSDT", help="symbols that trade, by comma")
    parser.add_argument("--seed", type=int, default=42, help="equal seeds give equal trades")
    parser.add_argument("--count", type=int, default=0, help="trades of each symbol; -1 goes on without an end")
    parser.add_argument("--rate", type=float, default=50.0, help="trades a second over all symbols; 0 as fast as taken")
    parser.add_argument(
        "--when-away", choices=("hold", "trade"), default="hold", help="while a symbol has no subscriber"
    )
    parser.add_argument("--plan", type=Path, help='file of faults: {"faults": [{"kind": "close", "after": 400}, ...]}')
    parser.add_argument("--ledger", type=Path, help="file that keeps the ledger when the exchange ends")
    for name, value, what in (
        ("ping-every", known.ping_every, "seconds between two pings"),
        ("pong-within", known.pong_within, "seconds without a pong after which a connection is dropped"),
        ("lifetime", known.lifetime, "seconds that a connection lives"),
        ("attempts-within", known.attempts_within, "seconds over which attempts to connect are counted"),
    ):
        parser.add_argument(f"--{name}", type=float, default=value, help=what)
    parser.add_argument("--messages", type=int, default=known.messages, help="messages a second that a client may send")
    parser.add_argument("--attempts", type=int, default=known.attempts, help="attempts to connect from one address")
    return parser.parse_args(argv)


async def _run(options: argparse.Namespace) -> int:
    ledger, plan = Ledger(options.ledger), Plan()
    symbols = tuple(s.strip().upper() for s in options.symbols.split(",") if s.strip())
    remaining = None if options.count < 0 else options.count * len(symbols)
    if ledger.target is not None:  # it ended before it had made what it was to make
        remaining = ledger.target - ledger.position
    course = Course(options.rate, remaining, options.when_away)
    feed = Feed(options.seed, symbols, ledger, plan, course)
    if options.plan:
        feed.add(read_plan(options.plan))
    limits = Limits(
        options.ping_every,
        options.pong_within,
        options.lifetime,
        options.messages,
        options.attempts,
        options.attempts_within,
    )
    exchange = Exchange(feed, limits)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, feed.stop)
    port = await exchange.start(listen_address(), options.port)
    print(f"listening on 127.0.0.1:{port}", flush=True)  # noqa: T201 - for who started it with port 0
    await feed.run()
    await exchange.stop()
    ledger.close()
    _log.info("made %d trades, sent %d frames", ledger.position, ledger.frames_sent)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the exchange until SIGTERM; returns 2 for options that cannot be used."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("websockets").setLevel(logging.WARNING)
    options = _arguments(argv)
    try:
        return asyncio.run(_run(options))
    except (ValidationError, OSError) as problem:
        _log.error("the exchange cannot run: %s. Correct its options or its plan.", problem)
        return 2


if __name__ == "__main__":
    sys.exit(main())
