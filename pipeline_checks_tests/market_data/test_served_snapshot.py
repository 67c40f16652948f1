"""An API against the Iceberg table behind it at one snapshot: rows, order of snapshots, envelope, key and limit."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from pipeline_checks.model.result import CheckResult, RunResult
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.verification.definition import build_pipeline
from pipeline_checks.verification.options import Options
from pipeline_checks.verification.run import run_checks

SCHEMA = pa.schema([pa.field("id", pa.int64(), nullable=False), ("price", pa.decimal128(18, 8))])
COLUMNS = {"id": {"type": "int64", "nullable": False}, "price": "decimal(18,8)"}
OPENAPI = {
    "paths": {
        "/v1/rows": {
            "get": {
                "responses": {
                    "200": {
                        "content": {
                            "application/json": {
                                "schema": {
                                    "properties": {
                                        "data": {
                                            "items": {
                                                "required": ["id", "price"],
                                                "properties": {
                                                    "id": {"type": "integer", "format": "int64"},
                                                    "price": {
                                                        "anyOf": [
                                                            {"type": "string", "x-logical-type": "decimal(18,8)"},
                                                            {"type": "null"},
                                                        ]
                                                    },
                                                },
                                            }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

Rows = list[dict[str, Any]]


@dataclass
class Api:
    """What the API serves: the rows of each snapshot, and which one by default; ``change`` spoils an answer."""

    snapshots: dict[str, Rows] = field(default_factory=dict)
    served: str | None = None
    change: Callable[[dict[str, Any]], Any] = lambda document: document
    refuse: int = 0
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str, page: dict[str, Any], key: str | None) -> tuple[int, Any]:
        self.asked.append(path)
        if path == "/openapi.json":
            return 200, OPENAPI
        if key != "secret-key":
            return 401, {}
        if self.refuse > 0:
            self.refuse -= 1
            return 429, {}
        snapshot = self.served if path == "/v1/rows" else path.split("/")[3]
        rows = self.snapshots.get(str(snapshot), [])
        start, limit = int(page.get("offset", 0)), int(page["limit"])
        some = rows[start : start + limit]
        document = {"data": some, "pagination": {"has_more": start + limit < len(rows)}, "meta": {"snapshot": snapshot}}
        return 200, self.change(document)


@contextmanager
def serving(api: Api) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            self._send(path, dict(pair.split("=") for pair in query.split("&") if pair))

        def do_POST(self) -> None:
            self._send(self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _send(self, path: str, page: dict[str, Any]) -> None:
            status, body = api.answer(path, page, self.headers.get("X-API-Key"))
            content = json.dumps(body).encode()
            self.send_response(status)
            if status == 429:
                self.send_header("Retry-After", "0")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@dataclass(frozen=True)
class Served:
    """A table of two snapshots, and the API that serves it."""

    folder: Path
    api: Api

    def checked(self, monkeypatch: pytest.MonkeyPatch, deadline: float = 0.6, **stage: Any) -> RunResult:
        monkeypatch.setenv("TEST_API_KEY", "secret-key")
        contract = {"key": ["id"], "exact_columns": {}, "columns": COLUMNS}
        with serving(self.api) as url:
            table = {
                "name": "table",
                "kind": "iceberg_table",
                "catalog": {"name": "t", "url": f"sqlite:///{self.folder}/catalog.db", "warehouse": f"{self.folder}"},
                "table": "test.rows",
                "contract": {"key": ["id"], "columns": COLUMNS},
            }
            api = {
                "name": "api",
                "kind": "http_api",
                "from": "table",
                "url": url,
                "resource": "/v1/rows",
                "key": {"header": "X-API-Key", "value": {"env": "TEST_API_KEY"}},
                "envelope": {
                    "items": "data",
                    "position": "meta.snapshot",
                    "total": None,
                    "more": "pagination.has_more",
                },
                "snapshots": {"resource": "/v1/snapshots/{snapshot}/query", "method": "POST"},
                "page_size": 4,
                "contract": {**contract, "balance": {}},
                **stage,
            }
            pipeline = build_pipeline({"name": "served", "stages": [table, api]})
            return run_checks(pipeline, ["api"], options=Options(deadline=deadline))


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Served:
    """Ten rows in two snapshots, the newer of which the API serves."""
    monkeypatch.setenv("PIPELINE_CHECKS_HOME", str(tmp_path / "home"))
    catalog = SqlCatalog("t", uri=f"sqlite:///{tmp_path}/catalog.db", warehouse=str(tmp_path))
    catalog.create_namespace("test")
    table = catalog.create_table("test.rows", SCHEMA)
    api = Api()
    rows: Rows = []
    for start in (0, 5):
        some = [{"id": i, "price": Decimal(f"{i}.00000001")} for i in range(start, start + 5)]
        table.append(pa.Table.from_pylist(some, SCHEMA))
        rows = [*rows, *({**row, "price": str(row["price"])} for row in some)]
        newest = table.current_snapshot()
        assert newest is not None
        api.served = str(newest.snapshot_id)
        api.snapshots[api.served] = rows
    return Served(tmp_path, api)


def of(result: RunResult, check: str) -> CheckResult:
    return next(c for c in result.checks if c.check == check)


def findings(result: RunResult) -> set[tuple[str, str, str, str]]:
    return {(c.check, f.kind, repr(f.key), f.stage) for c in result.checks for f in c.judgement.findings}


def test_an_api_that_serves_the_newest_snapshot_page_by_page_passes(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = served.checked(monkeypatch)
    assert {c.verdict for c in result.checks if c.check != "latency"} == {Verdict.PASS}, [
        (c.check, c.judgement.message) for c in result.checks
    ]
    assert of(result, "balance").judgement.message == "it adds up: 10 rows = 10 served"
    assert served.api.asked.count(f"/v1/snapshots/{served.api.served}/query") == 3


def test_an_old_snapshot_is_unsettled_and_then_stalled(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    served.api.served = next(iter(served.api.snapshots))
    result = served.checked(monkeypatch)
    assert findings(result) == set()
    assert of(result, "counts").verdict is Verdict.UNSETTLED
    assert f"it serves version {served.api.served}" in of(result, "counts").judgement.message
    result = served.checked(monkeypatch, lag_limit=0.1)
    assert findings(result) == {("freshness", "stalled", "None", "api")}


def test_a_snapshot_that_the_table_does_not_know_is_no_newer_one(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.api.served = "12345"
    assert of(served.checked(monkeypatch), "counts").verdict is Verdict.UNSETTLED


def test_rows_that_are_lost_added_changed_or_doubled_by_the_api_are_its_own(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = served.api.snapshots[str(served.api.served)]
    rows[3]["price"] = "3.00000002"
    rows[4] = {"id": 99, "price": "1.00000000"}
    rows.append(rows[0])
    result = served.checked(monkeypatch)
    assert findings(result) == {
        ("reconcile", "changed", "{'id': 3}", "api"),
        ("counts", "missing", "{'id': 4}", "api"),
        ("counts", "unexpected", "{'id': 99}", "api"),
        ("counts", "duplicate", "{'id': 0}", "api"),
        ("duplicates", "duplicate", "{'id': 0}", "api"),
        ("balance", "unexpected", "None", "api"),
    }


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda d: {**d, "meta": {"snapshot": "x7"}}, "is not the id of a snapshot"),
        (lambda d: {**d, "data": None}, "'data' is not a list of objects"),
        (lambda d: {**d, "data": [{"id": 1}]}, "no row has a column 'price'"),
        (lambda d: {**d, "data": [], "pagination": {"has_more": True}}, "said that there was more"),
    ],
)
def test_answers_that_do_not_fit_are_errors(
    change: Callable[[dict[str, Any]], Any], why: str, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.api.change = change
    counts = of(served.checked(monkeypatch), "counts")
    assert counts.verdict is Verdict.ERROR
    assert why in counts.judgement.message


def test_a_page_of_another_snapshot_is_refused(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    newest, other = str(served.api.served), next(iter(served.api.snapshots))

    def change(document: dict[str, Any]) -> dict[str, Any]:
        is_first = len(document["data"]) == 1 or document["data"][0]["id"] == 0
        return document if is_first else {**document, "meta": {"snapshot": other}}

    served.api.change = change
    counts = of(served.checked(monkeypatch), "counts")
    assert counts.verdict is Verdict.ERROR
    assert f"answered version {other}" in counts.judgement.message
    assert newest != other


def test_a_wrong_key_is_an_error_and_the_key_is_never_told(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WRONG_KEY", "another-key")
    result = served.checked(monkeypatch, key={"header": "X-API-Key", "value": {"env": "WRONG_KEY"}})
    assert {c.verdict for c in result.checks} == {Verdict.ERROR}
    assert "another-key" not in json.dumps(result.to_json())


def test_an_api_that_lets_wait_is_asked_again(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    served.api.refuse = 2
    assert of(served.checked(monkeypatch), "counts").verdict is Verdict.PASS
