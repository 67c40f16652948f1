"""The local exchange speaks the live exchange's protocol, and its ledger tells the truth."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from pipeline_checks.pipelines.market_data.flow.simulator.connection import Limits
from pipeline_checks_tests.market_data.local_exchange import SYMBOLS, LocalExchange, exchange

ALL = "/".join(f"{s.lower()}@trade" for s in SYMBOLS)
_OPTIONS: dict[str, Any] = {"compression": None, "ping_interval": None, "proxy": None, "close_timeout": 1}


def on(url: str, work: Callable[[ClientConnection], Awaitable[Any]], **options: Any) -> Any:
    """Return what ``work`` returns of a connection to ``url``."""

    async def run() -> Any:
        async with connect(url, **{**_OPTIONS, **options}) as websocket:
            return await asyncio.wait_for(work(websocket), 10)

    return asyncio.run(run())


async def ask(websocket: ClientConnection, request: Any) -> Any:
    """Send a control frame and return the answer."""
    await websocket.send(request if isinstance(request, str) else json.dumps(request))
    return json.loads(await websocket.recv())


async def all_of(websocket: ClientConnection) -> list[Any]:
    """Return all frames until the connection ends."""
    found = []
    try:
        while True:
            found.append(json.loads(await websocket.recv()))
    except ConnectionClosed:
        return found


def test_a_combined_stream_wraps_its_events_and_a_raw_one_does_not() -> None:
    with exchange() as local:

        async def combined(websocket: ClientConnection) -> Any:
            local.feed(count=1)
            return [json.loads(await websocket.recv()) for _ in SYMBOLS]

        async def raw(websocket: ClientConnection) -> Any:
            local.feed(count=1)
            return [json.loads(await websocket.recv()) for _ in SYMBOLS]

        wrapped = on(f"{local.ws}/stream?streams={ALL}", combined)
        bare = on(f"{local.ws}/ws/{ALL}", raw)
    assert [f["stream"] for f in wrapped] == [f"{s.lower()}@trade" for s in SYMBOLS]
    payloads = [f["data"] for f in wrapped] + bare
    assert all(set(p) == {"e", "E", "s", "t", "p", "q", "T", "m", "M"} and p["e"] == "trade" for p in payloads)
    assert [(p["s"], p["t"]) for p in payloads] == [(s, n) for n in (1, 2) for s in SYMBOLS]
    assert all(len(str(p["T"])) == 13 for p in payloads)


def test_times_are_in_microseconds_when_asked_for() -> None:
    with exchange() as local:

        async def first(websocket: ClientConnection) -> Any:
            local.feed(count=1)
            return json.loads(await websocket.recv())

        found = on(f"{local.ws}/ws/{ALL}?timeUnit=MICROSECOND", first)
    assert len(str(found["T"])) == len(str(found["E"])) == 16


def test_control_frames_subscribe_and_say_what_is_subscribed() -> None:
    async def work(websocket: ClientConnection) -> list[Any]:
        return [
            await ask(websocket, {"method": "SUBSCRIBE", "params": ["btcusdt@trade", "ethusdt@trade"], "id": 1}),
            await ask(websocket, {"method": "LIST_SUBSCRIPTIONS", "id": "two"}),
            await ask(websocket, {"method": "UNSUBSCRIBE", "params": ["btcusdt@trade"], "id": None}),
            await ask(websocket, {"method": "LIST_SUBSCRIPTIONS", "id": 4}),
            await ask(websocket, {"method": "GET_PROPERTY", "params": ["combined"], "id": 5}),
            await ask(websocket, {"method": "SET_PROPERTY", "params": ["combined", True], "id": 6}),
            await ask(websocket, {"method": "GET_PROPERTY", "params": ["combined"], "id": 7}),
        ]

    with exchange() as local:
        found = on(f"{local.ws}/ws", work)
        combined = on(
            f"{local.ws}/stream?streams=btcusdt@trade",
            lambda w: ask(w, {"method": "GET_PROPERTY", "params": ["combined"], "id": 1}),
        )
    assert found == [
        {"result": None, "id": 1},
        {"result": ["btcusdt@trade", "ethusdt@trade"], "id": "two"},
        {"result": None, "id": None},
        {"result": ["ethusdt@trade"], "id": 4},
        {"result": False, "id": 5},
        {"result": None, "id": 6},
        {"result": True, "id": 7},
    ]
    assert combined["result"] is True


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"method": "GET_PROPERTY", "params": ["other"], "id": 1}, 0),
        ({"method": "SET_PROPERTY", "params": ["combined", "yes"], "id": 1}, 1),
        ({"method": "SET_PROPERTY", "params": [1, True], "id": 1}, 2),
        ({"method": "LIST_SUBSCRIPTIONS", "id": "x" * 37}, 2),
        ({"method": "LIST_SUBSCRIPTIONS", "id": 2**63}, 2),
        ({"method": "DANCE", "id": 1}, 2),
        ({"method": "GET_PROPERTY", "params": ["combined", 1], "id": 1}, 2),
        ({"params": [], "id": 1}, 2),
        ({"method": "SUBSCRIBE", "params": ["BTCUSDT"], "id": 1}, 2),
        ({"method": "SUBSCRIBE", "params": [f"a{n}@trade" for n in range(1025)], "id": 1}, 2),
        ("{", 3),
    ],
)
def test_a_control_frame_that_cannot_be_carried_out_is_answered_with_its_code(request_: Any, code: int) -> None:
    with exchange() as local:
        found = on(f"{local.ws}/ws", lambda w: ask(w, request_))
    assert found["code"] == code and found["msg"]


def test_a_client_that_answers_no_ping_is_dropped_and_one_that_answers_is_not() -> None:
    limits = Limits(ping_every=0.05, pong_within=0.3, messages=100)

    async def silent(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        writer.write((head + key).encode())
        found = await asyncio.wait_for(reader.read(), 5)  # to its end: the exchange ends it
        writer.close()
        return found

    async def patient(websocket: ClientConnection) -> str:
        try:
            await asyncio.wait_for(websocket.recv(), 0.8)
        except TimeoutError:
            return "open"
        return "frame"

    with exchange(limits=limits) as local:
        content = asyncio.run(silent(local.port))
        answering = on(f"{local.ws}/ws", patient)
    assert b"\x89\x08" in content  # pings of eight bytes
    assert answering == "open"


def test_a_ping_is_answered_with_its_payload() -> None:
    async def work(websocket: ClientConnection) -> float:
        return await (await websocket.ping(b"payload"))

    with exchange() as local:
        assert on(f"{local.ws}/ws", work) >= 0


def test_more_than_five_messages_a_second_end_the_connection() -> None:
    async def work(websocket: ClientConnection) -> int | None:
        for number in range(8):
            await websocket.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
        await all_of(websocket)
        return websocket.close_code

    with exchange(limits=Limits()) as local:
        assert on(f"{local.ws}/ws", work) == 1008


def test_too_many_attempts_to_connect_are_refused() -> None:
    async def nothing(websocket: ClientConnection) -> None:
        return None

    with exchange(limits=Limits(attempts=3)) as local:
        for _ in range(3):
            on(f"{local.ws}/ws", nothing)
        with pytest.raises(InvalidStatus) as refused:
            on(f"{local.ws}/ws", nothing)
    assert refused.value.response.status_code == 429


def test_unknown_urls_are_refused() -> None:
    async def nothing(websocket: ClientConnection) -> None:
        return None

    with exchange() as local:
        for path in ("/nothing", "/ws/btcusdt", "/stream?streams=" + "/".join(f"a{n}@trade" for n in range(1025))):
            with pytest.raises(InvalidStatus) as refused:
                on(f"{local.ws}{path}", nothing)
            assert refused.value.response.status_code == 400


def test_a_connection_ends_at_its_age_and_a_shutdown_is_announced() -> None:
    with exchange(limits=Limits(lifetime=0.2)) as local:
        assert on(f"{local.ws}/ws", lambda w: _code(w)) == 1001
    with exchange() as local:

        async def told(websocket: ClientConnection) -> list[Any]:
            local.plan({"kind": "shutdown", "seconds": 0.1})
            return await all_of(websocket)

        events = on(f"{local.ws}/ws/{ALL}", told)
    assert [e["e"] for e in events] == ["serverShutdown"]


async def _code(websocket: ClientConnection) -> int | None:
    await all_of(websocket)
    return websocket.close_code


def receive(local: LocalExchange, count: int, *faults: dict[str, Any]) -> list[bytes]:
    """Subscribe to everything and return the frames of ``count`` trades of each symbol, faults included."""

    async def work(websocket: ClientConnection) -> list[bytes]:
        local.plan(*faults)
        local.feed(count=count)
        found: list[bytes] = []
        while True:
            try:
                found.append(await asyncio.wait_for(websocket.recv(decode=False), 0.3))
            except (TimeoutError, ConnectionClosed):
                return found

    frames: list[bytes] = on(f"{local.ws}/stream?streams={ALL}", work)
    return frames


def test_the_ledger_is_what_was_sent() -> None:
    with exchange() as local:
        frames = [json.loads(f)["data"] for f in receive(local, 100)]
        ledger = local.finished()
        entries = [json.loads(line) for line in local.lines("/ledger/trades?start=0")]
    assert ledger["position"] == len(frames) == len(entries) == 300 and ledger["frames_sent"] == 300
    for symbol in SYMBOLS:
        mine = [f for f in frames if f["s"] == symbol]
        of = ledger["symbols"][symbol]
        assert (of["count"], of["first_id"], of["last_id"]) == (100, 1, 100)
        assert Decimal(of["price_sum"]) == sum(Decimal(f["p"]) for f in mine)
        assert Decimal(of["quantity_sum"]) == sum(Decimal(f["q"]) for f in mine)
        lines = (f"{f['s']}|{f['t']}|{f['p']}|{f['q']}|{f['T']}|{str(f['m']).lower()}\n" for f in mine)
        assert of["digest"] == hashlib.sha256("".join(lines).encode()).hexdigest()
    assert [e["entry"] for e in entries] == list(range(300))
    assert all(e["times_sent"] == 1 and e["sent_at"] >= e["T"] * 1000 for e in entries)


def test_equal_seeds_give_equal_trades_and_a_kept_ledger_goes_on(tmp_path: Path) -> None:
    def values(local: LocalExchange) -> list[tuple[Any, ...]]:
        entries = [json.loads(line) for line in local.lines("/ledger/trades")]
        return [(e["s"], e["t"], e["p"], e["q"], e["m"]) for e in entries]

    with exchange() as local:
        receive(local, 40)
        whole = values(local)
    with exchange(seed=7) as local:
        receive(local, 40)
        other = values(local)
    file = tmp_path / "ledger.ndjson"
    with exchange(ledger=file) as local:
        receive(local, 15)
    with exchange(ledger=file) as local:
        receive(local, 25)
        assert values(local) == whole
        assert local.ledger()["frames_sent"] == 120
    assert other != whole and [v[:2] for v in other] == [v[:2] for v in whole]


def test_each_fault_of_the_plan_is_done_and_written_down() -> None:
    kinds = ["not_json", "no_price", "wrong_event", "zero_quantity", "nine_decimals", "eleven_digits", "unknown_quote"]
    with exchange() as local:
        frames = receive(
            local,
            100,
            {"kind": "resend", "after": 30, "count": 10},
            {"kind": "skip", "symbol": "ETHUSDT", "ids": [50, 51]},
            {"kind": "swap", "symbol": "BTCUSDT", "id": 60},
            {"kind": "bad_frames", "after": 90, "frames": kinds},
        )
        ledger = local.finished()
        bad = [json.loads(line) for line in local.lines("/ledger/bad_frames")]
    assert len(frames) == 300 + 10 - 2 + 7 == ledger["frames_sent"]
    assert (ledger["position"], ledger["resent"], ledger["bad_frames"]) == (300, 10, 7)
    assert ledger["not_sent"] == {"ETHUSDT": [50, 51]}
    assert [b["reason"] for b in bad] == kinds
    ids = [json.loads(f)["data"]["t"] for f in frames if b'"s":"BTCUSDT"' in f and b",," not in f]
    assert ids.index(61) < ids.index(60)


def test_trades_that_nobody_was_sent_are_in_the_ledger_and_in_the_history() -> None:
    with exchange() as local:
        frames = receive(local, 20, {"kind": "close", "after": 30, "away": 9})
        assert len(frames) == 30
        ledger = local.ledger()
        assert ledger["position"] == 39 and {s: len(i) for s, i in ledger["not_sent"].items()} == dict.fromkeys(
            SYMBOLS, 3
        )
        assert not ledger["idle"]  # it waits for somebody to listen
        missing = ledger["not_sent"]["BTCUSDT"]
        found = httpx.get(
            f"{local.http}/api/v3/historicalTrades",
            params={"symbol": "BTCUSDT", "fromId": missing[0], "limit": 3},
        ).json()
        assert [t["id"] for t in found] == missing
        assert set(found[0]) == {"id", "price", "qty", "quoteQty", "time", "isBuyerMaker", "isBestMatch"}
        receive(local, 0)
        assert local.finished()["position"] == 60


def test_a_stalled_exchange_sends_nothing_and_a_refusing_one_lets_nobody_in() -> None:
    with exchange() as local:
        assert len(receive(local, 20, {"kind": "stall", "after": 12})) == 12
        local.plan({"kind": "refuse", "count": 1}, {"kind": "refuse", "count": 1, "status": None})
        for _ in range(2):
            with pytest.raises((InvalidHandshake, OSError)):
                receive(local, 0)
        assert len(receive(local, 0)) == 48


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/plan", "{", 400),
        ("POST", "/plan", '{"faults": [{"kind": "dance"}]}', 400),
        ("POST", "/feed", '{"count": -1}', 400),
        ("GET", "/ledger/trades?start=-1", "", 400),
        ("GET", "/api/v3/historicalTrades?symbol=NIX", "", 400),
        ("GET", "/nothing", "", 404),
        ("DELETE", "/ledger", "", 405),
    ],
)
def test_what_it_cannot_do_it_says(method: str, path: str, body: str, status: int) -> None:
    with exchange() as local:
        assert httpx.request(method, f"{local.http}{path}", content=body).status_code == status
