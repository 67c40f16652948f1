"""Small services for tests of the provider: real processes, started and supervised like the large ones."""

from __future__ import annotations

import sys

from pipeline_checks.stack.probes import probe_json
from pipeline_checks.stack.service import Placement, Service

_WEB = """
import http.server, os, pathlib, sys
pathlib.Path("file.json").write_text("{}")
print("serving", os.getpid(), flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def web(name: str = "web", **changes: object) -> Service:
    """Return a web server that is ready when it answers."""
    description: dict[str, object] = {
        "name": name,
        "command": lambda placement: (sys.executable, "-c", f"exec({_WEB!r})", str(placement.ports[name])),
        "ports": (name,),
        "needs": (f"{name.upper()}_URL",),
        "settings": lambda placement: {f"{name.upper()}_URL": f"http://127.0.0.1:{placement.ports[name]}"},
        "probe": lambda settings: probe_json(name, settings[f"{name.upper()}_URL"], "/file.json"),
        "ready_seconds": 15,
        "stop_seconds": 5,
        **changes,
    }
    return Service(**description)  # type: ignore[arg-type]


def slow_to_end(seconds: float = 1.0) -> Service:
    """Return a web server that ends only ``seconds`` after it was told to."""
    ending = f"threading.Timer({seconds}, os._exit, (0,)).start()"
    slow = f"import os, signal, threading\nsignal.signal(signal.SIGTERM, lambda *_: {ending})\n"
    text = slow + _WEB
    return web(command=lambda placement: (sys.executable, "-c", f"exec({text!r})", str(placement.ports["web"])))


def script(text: str) -> object:
    """Return a command that runs a piece of Python."""

    def command(placement: Placement) -> tuple[str, ...]:
        return (sys.executable, "-c", f"exec({text!r})")

    return command
