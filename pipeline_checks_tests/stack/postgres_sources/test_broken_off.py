"""A connection that is cut in the middle: an error with its place, never fewer rows, and nothing left at the server."""

from __future__ import annotations

import re
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from pipeline_checks.clients.postgres import connect
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import TransientError
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.stages.postgres import PostgresTable
from pipeline_checks.stages.postgres_cut import open_cut
from pipeline_checks_tests.stack.postgres_sources.checking import checked, table, told, verdicts

pytestmark = pytest.mark.stack

Connection = psycopg.Connection[tuple[Any, ...]]
_TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
_ENDED = "terminating connection due to administrator command|closed the connection"
"""What a client is told: the reason, or that the server has gone, when the connection was reset before it was read."""
_LEFT = """
SELECT application_name, state FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
UNION ALL SELECT slot_name, 'slot' FROM pg_replication_slots
UNION ALL SELECT gid, 'prepared' FROM pg_prepared_xacts
"""


@pytest.fixture
def items(database: Connection) -> Connection:
    """Two tables, one of them large enough that reading it takes several blocks."""
    database.execute("CREATE TABLE first (id int PRIMARY KEY, note text)")
    database.execute("INSERT INTO first VALUES (1, 'a')")
    database.execute("CREATE TABLE items (id int PRIMARY KEY, note text)")
    database.execute("INSERT INTO items SELECT g, repeat('x', 500) FROM generate_series(1, 60000) g")
    return database


def declared(url: str) -> PostgresTable:
    return PostgresTable.model_validate({"name": "s", "connection": {"url": url}, "table": "public.items"})


def assert_nothing_is_left(database: Connection) -> None:
    def left() -> list[tuple[Any, ...]]:
        return database.execute(_LEFT).fetchall()

    assert Deadline(10).wait_until(lambda: not left()), left()


class Proxy:
    """Passes connections on to a server, until it cuts them all."""

    def __init__(self, url: str) -> None:
        self._target = int(url.partition("127.0.0.1:")[2].partition("/")[0])
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.url = url.replace(f":{self._target}/", f":{self._listening.getsockname()[1]}/")
        self.passed = 0
        self.most: int | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client = self._listening.accept()[0]
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            self._open += [client, server]
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._pass_on, args=(one, other, one is server), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket, is_answer: bool) -> None:
        try:
            while data := one.recv(65536):
                if is_answer:
                    self.passed += len(data)
                    if self.most is not None and self.passed > self.most:
                        self.cut()
                        return
                other.sendall(data)
        except OSError:
            pass
        self._shut(other)

    @staticmethod
    def _shut(one: socket.socket) -> None:
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def cut(self) -> None:
        """Reset every connection that is open."""
        cut, self._open = self._open, []
        for one in cut:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._shut(one)
            one.close()

    def close(self) -> None:
        self._shut(self._listening)  # wakes the thread that accepts
        self._listening.close()
        self.cut()


@pytest.fixture
def proxy(url: str) -> Iterator[Proxy]:
    passing = Proxy(url)
    yield passing
    passing.close()


def test_backends_that_are_terminated_during_a_check_make_errors_and_leave_nothing(items: Connection, url: str) -> None:
    def terminating(message: str) -> None:
        if message == "checking items":
            items.execute(_TERMINATE, (url.rpartition("/")[2],))

    contract = {"key": ["id"], "columns": {"id": "int32", "note": {"type": "string", "matches": "(?i)X+"}}}
    stages = (table("first", url), table("items", url, contract=contract))
    assert verdicts(checked(*stages), "items") == {Verdict.PASS}
    result = checked(*stages, progress=terminating)
    broken = {check: message for check, (verdict, message) in told(result, "items").items() if verdict is Verdict.ERROR}
    assert {"counts", "duplicates", "values"} <= set(broken), told(result, "items")
    assert all("public.items" in m or "snapshot" in m for m in broken.values()), broken
    assert any(re.search(_ENDED, m) for m in broken.values()), broken
    assert Verdict.FAIL not in verdicts(result, "items")
    assert verdicts(result, "first") == {Verdict.PASS}
    assert_nothing_is_left(items)
    assert verdicts(checked(*stages), "items") == {Verdict.PASS}


def test_a_copy_whose_backend_is_terminated_raises_and_does_not_end(items: Connection, url: str) -> None:
    cut = open_cut(url)
    try:
        stream = cut.table(declared(url)).rows()
        rows = stream.read_next_batch().num_rows
        items.execute(_TERMINATE, (url.rpartition("/")[2],))
        with pytest.raises(TransientError, match=r"reading public\.items: "):
            for batch in stream:
                rows += batch.num_rows
        assert rows < 60_000
        with pytest.raises(TransientError, match=_ENDED):
            cut.table(declared(url)).rows().read_all()
    finally:
        cut.close()
    assert_nothing_is_left(items)


@pytest.mark.parametrize("after", [100_000, 2_000_000, 20_000_000])
def test_a_network_that_is_cut_while_rows_are_read_is_an_error_and_leaves_nothing(
    items: Connection, url: str, proxy: Proxy, after: int
) -> None:
    cut = open_cut(proxy.url)
    table_ = cut.table(declared(proxy.url))
    assert table_.rows(["id"]).read_all().num_rows == 60_000
    proxy.most = proxy.passed + after
    with pytest.raises(TransientError, match=r"public\.items"):
        table_.rows().read_all()
    cut.close()
    assert_nothing_is_left(items)


def test_a_network_that_is_cut_during_a_check_makes_errors_and_leaves_nothing(
    items: Connection, url: str, proxy: Proxy
) -> None:
    stages = (table("first", proxy.url), table("items", proxy.url))
    assert verdicts(checked(*stages), "items") == {Verdict.PASS}

    def cutting(message: str) -> None:
        if message == "checking items":
            proxy.cut()

    result = checked(*stages, progress=cutting)
    wrong = {v for v, _ in told(result, "items").values()}
    assert Verdict.ERROR in wrong and Verdict.FAIL not in wrong, told(result, "items")
    assert told(result, "items")["duplicates"][0] is Verdict.ERROR
    assert_nothing_is_left(items)


def test_a_process_that_is_killed_in_the_middle_leaves_nothing(items: Connection, url: str) -> None:
    program = (
        "import sys; from pipeline_checks.stages.postgres_cut import open_cut;"
        f" cut = open_cut({url!r}); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        held = [("pipeline_checks", "idle in transaction")]  # and the connection that wrote the mark is gone
        assert Deadline(10).wait_until(lambda: items.execute(_LEFT).fetchall() == held)
        process.kill()
    assert_nothing_is_left(items)


def test_the_server_gives_up_a_session_whose_machine_is_gone(items: Connection, url: str) -> None:
    cut = open_cut(url)
    try:
        asked = "SELECT name, setting FROM pg_settings WHERE name LIKE 'tcp_keepalives%' OR name = 'row_security'"
        told_ = dict(cut._snapshot.query(asked, what="asking"))
    finally:
        cut.close()
    assert told_ == {
        "tcp_keepalives_idle": "10",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "3",
        "row_security": "off",
    }
    with connect(url) as connection:
        assert connection.execute("SHOW row_security").fetchone() == ("on",), "of our sessions only"
