"""The port of a program for those who watch it: GET /metrics, /health and documents of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

Document = Callable[[], dict[str, Any]]


def serve_monitor(
    port: int, registry: CollectorRegistry, health: Document, documents: Mapping[str, Document] | None = None
) -> ThreadingHTTPServer:
    """Answer on 127.0.0.1 from a thread; /health is 200 when ``health()["ready"]``, else 503.

    ``documents`` are further paths with what each answers.
    """
    further = dict(documents or {})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            status, kind = 200, "application/json"
            if path == "/metrics":
                content, kind = generate_latest(registry), CONTENT_TYPE_LATEST
            elif path == "/health":
                body = health()
                status, content = (200 if body["ready"] else 503), orjson.dumps(body)
            elif path in further:
                content = orjson.dumps(further[path]())
            else:
                status, content = 404, b'{"message":"not found"}'
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with suppress(ConnectionError):  # a probe that would not wait
                self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """A probe comes several times a second; it is no news."""

    ThreadingHTTPServer.daemon_threads = True
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, name="monitor", daemon=True).start()
    return server
