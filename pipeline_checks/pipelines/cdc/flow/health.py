"""The mover's health endpoint: GET /health."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson


def serve(port: int, health: Callable[[], dict[str, Any]]) -> ThreadingHTTPServer:
    """Answer GET /health on 127.0.0.1 from a thread; 200 when ``health()["ready"]``, else 503."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            known = self.path.partition("?")[0] == "/health"
            body: dict[str, Any] = health() if known else {"message": "not found"}
            content = orjson.dumps(body)
            self.send_response(404 if not known else 200 if body["ready"] else 503)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with suppress(ConnectionError):  # a probe that would not wait
                self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """A probe comes several times a second; it is no news."""

    ThreadingHTTPServer.daemon_threads = True
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server
