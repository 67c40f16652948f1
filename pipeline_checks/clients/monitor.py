"""The port of a program for those who watch it: GET /health, /metrics, and documents of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import orjson

from pipeline_checks.clients.settings import listen_address

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

Document = Callable[[], dict[str, Any]]


def serve_monitor(
    port: int,
    registry: CollectorRegistry | None,
    health: Document,
    documents: Mapping[str, Document] | None = None,
) -> ThreadingHTTPServer:
    """Answer on this machine only, or where ``PIPELINE_CHECKS_LISTEN`` says, from a thread.

    Parameters
    ----------
    port:
        0 takes any free one; ``server_port`` of what is returned tells it.
    registry:
        What /metrics answers, in the text format of Prometheus; None where a program has no metrics.
    health:
        What /health answers, with status 200 when its ``ready`` is true, else 503.
    documents:
        Further paths, with what each answers as JSON.
    """
    answers: dict[str, Callable[[], tuple[int, str, bytes]]] = {"/health": lambda: _health(health())}
    if registry is not None:
        answers["/metrics"] = lambda: _metrics(registry)
    for path, document in (documents or {}).items():
        answers[path] = lambda document=document: (200, "application/json", orjson.dumps(document()))  # type: ignore[misc]
    unknown = (404, "application/json", orjson.dumps({"message": f"there are {', '.join(answers)}"}))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer = answers.get(self.path.partition("?")[0])
            status, kind, content = unknown if answer is None else answer()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with suppress(ConnectionError):  # a probe that would not wait
                self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """A probe comes several times a second; it is no news."""

    server = ThreadingHTTPServer((listen_address(), port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="monitor", daemon=True).start()
    return server


def _health(body: dict[str, Any]) -> tuple[int, str, bytes]:
    return (200 if body["ready"] else 503), "application/json", orjson.dumps(body)


def _metrics(registry: CollectorRegistry) -> tuple[int, str, bytes]:
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

    return 200, CONTENT_TYPE_LATEST, generate_latest(registry)
