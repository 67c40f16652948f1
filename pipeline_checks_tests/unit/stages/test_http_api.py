"""An API's pages: all rows of one version, or an error that names the request that did not fit."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pipeline_checks.model.errors import ConfigurationError, TerminalError, TransientError
from pipeline_checks.model.measure import Facts
from pipeline_checks.model.position import OffsetsPosition, VersionPosition
from pipeline_checks.stages.http_api import ApiReader, HttpApi, open_stage

Answer = Callable[[str, dict[str, str]], tuple[int, Any]]
CONTRACT = {"key": ["id"], "columns": {"id": "int64", "amount": "decimal(10,2)", "at": "timestamp"}}
ROWS = [{"id": i, "amount": f"{i}.50", "at": "2026-01-01T00:00:00.000001Z", "more": None} for i in range(5)]


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            status, body = answer(parts.path, {k: v[0] for k, v in parse_qs(parts.query).items()})
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def page(query: dict[str, str], version: int = 3, **changed: Any) -> dict[str, Any]:
    start, limit = int(query.get("offset", 0)), int(query["limit"])
    following = start + limit if start + limit < len(ROWS) else None
    whole = {"version": version, "total": len(ROWS), "items": ROWS[start : start + limit], "next": following}
    return {**whole, **changed}


def reader(url: str, **fields: Any) -> ApiReader:
    return open_stage(HttpApi(name="api", url=url, resource="orders", contract=CONTRACT, page_size=2, **fields))


def test_all_pages_of_a_version_make_its_rows_typed_by_the_contract() -> None:
    with serving(lambda path, query: (200, page(query))) as url:
        stage = reader(url)
        assert stage.reached().position == VersionPosition(3)
        pinned = stage.at(VersionPosition(3))
        rows = pinned.rows().to_pylist()
        assert [r["id"] for r in rows] == [0, 1, 2, 3, 4]
        assert rows[1] == {"id": 1, "amount": Decimal("1.50"), "at": datetime(2026, 1, 1, 0, 0, 0, 1)}
        assert pinned.rows(["amount"]).column_names == ["amount"]
        requests = pinned.answer(frozenset({Facts("requests")}))[Facts("requests")].value
        assert (requests["count"], requests["statuses"], len(requests["latencies"])) == (4, {"200": 4}, 4)
        stage.close()


def test_an_empty_resource_has_no_rows() -> None:
    with serving(lambda path, query: (200, page(query, total=0, items=[], next=None))) as url:
        assert reader(url).at(VersionPosition(3)).rows().num_rows == 0


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"version": 4}, "answered version 4"),
        ({"version": "3"}, "'version' is not a whole number"),
        ({"total": None}, "'total' is not a whole number"),
        ({"total": 9}, "the pages end after 5 rows, the total is 9"),
        ({"total": 4}, "the pages end after 5 rows, the total is 4"),
        ({"items": {}}, "'items' is not a list"),
        ({"items": [1]}, "'items' is not a list"),
        ({"items": ROWS}, "answered 5 rows"),
        ({"items": []}, "the pages end after 0 rows"),
        ({"next": None}, "the pages end after 2 rows"),
        ({"items": [{"id": "x", "amount": "1", "at": None}] * 2, "total": 2, "next": None}, "'x' in column 'id'"),
        ({"items": [{"id": 1, "at": None}], "total": 1, "next": None}, "no row has a column 'amount'"),
    ],
)
def test_a_page_that_does_not_fit_is_refused_with_the_request(changed: dict[str, Any], why: str) -> None:
    def answer(path: str, query: dict[str, str]) -> tuple[int, Any]:
        return 200, page(query, **changed)

    with serving(answer) as url, pytest.raises(TerminalError) as raised:
        reader(url).at(VersionPosition(3)).rows()
    assert why in str(raised.value)
    assert "GET /orders?version=3" in str(raised.value)


def test_a_total_that_changes_between_pages_is_refused() -> None:
    def answer(path: str, query: dict[str, str]) -> tuple[int, Any]:
        return 200, page(query, total=5 if query["offset"] == "0" else 6)

    with serving(answer) as url, pytest.raises(TerminalError, match="the total is 6, on the page before it was 5"):
        reader(url).at(VersionPosition(3)).rows()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, {}, TerminalError),
        (422, {}, TerminalError),
        (500, {}, TransientError),
        (503, {}, TransientError),
        (429, {}, TransientError),
        (200, b"<html>", TerminalError),
        (200, [1], TerminalError),
    ],
)
def test_another_answer_than_a_page_is_an_error_that_names_the_request(status: int, body: Any, kind: Any) -> None:
    with serving(lambda path, query: (status, body)) as url:
        stage = reader(url)
        with pytest.raises(kind, match=r"GET /orders\?limit=1"):
            stage.reached()
        facts = stage.at(VersionPosition(1)).answer(frozenset({Facts("requests")}))[Facts("requests")].value
        assert facts["statuses"] == {str(status): 1}


def test_versions_and_health_are_told_and_anything_else_refused() -> None:
    versions = [{"version": 3, "committed_at": None, "loaded_at": "2026-01-01T00:00:00+00:00"}]

    def answer(path: str, query: dict[str, str]) -> tuple[int, Any]:
        return 200, {"/versions/orders": versions, "/health": {"ready": True}}[path]

    with serving(answer) as url:
        pinned = reader(url).at(VersionPosition(3))
        found = pinned.answer(frozenset({Facts("versions"), Facts("health")}))
        assert found[Facts("versions")].value == versions
        assert found[Facts("health")].value == {"ready": True}
        with pytest.raises(ConfigurationError, match="versions"):
            pinned.answer(frozenset({Facts("weather")}))


def test_a_service_that_is_away_and_a_position_of_another_kind_are_refused() -> None:
    stage = reader("http://127.0.0.1:1")
    with pytest.raises(TransientError):
        stage.reached()
    with pytest.raises(TerminalError):
        stage.at(OffsetsPosition.of({}))
    with pytest.raises(ConfigurationError, match="http"):
        reader("ftp://somewhere").reached()
