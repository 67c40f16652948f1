"""A schema registry that a test runs in a thread."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import uvicorn

from pipeline_checks.model.clock import Deadline
from pipeline_checks.pipelines.market_data.flow.registering.schemas import Schemas
from pipeline_checks.pipelines.market_data.flow.registry import create_app
from pipeline_checks.stack.ports import choose_ports


@contextmanager
def running_registry(subjects: Mapping[str, Any]) -> Iterator[str]:
    """Yield the URL of a registry with these Avro schemas by subject; ids are counted from 1."""
    schemas = Schemas(None)
    for subject, schema in subjects.items():
        schemas.register(subject, json.dumps(schema))
    port = choose_ports(["registry"], {})["registry"]
    server = uvicorn.Server(uvicorn.Config(create_app(schemas), host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert Deadline(20).wait_until(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)
