"""The external provider asks and never starts."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from pipeline_checks.model.errors import ConfigurationError, TransientError
from pipeline_checks.stack import external
from pipeline_checks.stack.external import ExternalProvider
from pipeline_checks.stack.service import Service
from pipeline_checks.stack.services.connect import connect


class _Worker(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps([]).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def worker():
    server = HTTPServer(("127.0.0.1", 0), _Worker)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch, tmp_path):
    monkeypatch.setenv("PIPELINE_CHECKS_HOME", str(tmp_path))
    for name in ("CONNECT_URL", "POSTGRES_URL", "KAFKA_BOOTSTRAP_SERVERS", "S3_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(external, "_PATIENCE_SECONDS", 0.2)


def _refuse(_):
    raise AssertionError("an external service must not be started")


def test_a_service_that_answers_is_ready(worker, monkeypatch):
    monkeypatch.setenv("CONNECT_URL", worker)
    told = []
    (state,) = ExternalProvider().up([connect()], told.append)
    assert (state.name, state.state, state.pid) == ("connect", "ready", None)
    assert [p.what for p in told] == ["ready"]
    assert [s.name for s in ExternalProvider().status()] == ["connect"]


def test_a_service_that_does_not_answer_is_an_error_naming_it(monkeypatch):
    monkeypatch.setenv("CONNECT_URL", "http://127.0.0.1:9")
    with pytest.raises(TransientError, match="connect: Kafka Connect is not ready"):
        ExternalProvider().up([connect()])
    (state,) = ExternalProvider().status([connect()])
    assert state.state == "unready"


def test_missing_variables_are_named_all_at_once():
    with pytest.raises(ConfigurationError, match="CONNECT_URL, OTHER_URL"):
        ExternalProvider().up([connect(), Service("other", needs=("OTHER_URL",))])
    (state,) = ExternalProvider().status([connect()])
    assert (state.state, state.problem) == ("absent", "not set: CONNECT_URL")


def test_nothing_is_prepared_started_or_stopped():
    service = Service("mine", command=_refuse, prepare=_refuse, needs=("HOME",))
    step = Service("step", command=_refuse, prepare=_refuse, once=True)
    assert [s.state for s in ExternalProvider().up([service, step])] == ["ready"]
    assert ExternalProvider().down(purge=True) == []
