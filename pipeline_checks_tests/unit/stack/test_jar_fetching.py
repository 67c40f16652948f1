"""Fetching jars from a Maven repository: a folder that the test serves over HTTP."""

import hashlib
import http.server
import threading
from collections import Counter

import pytest

from pipeline_checks.model.errors import TerminalError, TransientError
from pipeline_checks.stack.jars.fetching import fetch, is_complete
from pipeline_checks.stack.jars.lists import Jar, JarList


class Repository(http.server.ThreadingHTTPServer):
    """Serves jars as a Maven repository does, and counts the requests of each."""

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.requests = Counter()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/maven2"

    def add(self, artifact, content):
        path = self.folder / f"org/example/{artifact}/1.0/{artifact}-1.0.jar"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return Jar("org.example", artifact, "1.0", len(content), hashlib.sha256(content).hexdigest())


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.server.folder / self.path.removeprefix("/maven2/")
        self.server.requests[path.name] += 1
        body = path.read_bytes() if path.is_file() else b""
        self.send_response(200 if path.is_file() else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def repository(tmp_path, monkeypatch):
    server = Repository(tmp_path / "repository")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("PIPELINE_CHECKS_MAVEN_MIRROR", server.url)
    monkeypatch.setenv("PIPELINE_CHECKS_CACHE", str(tmp_path / "cache"))
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_jars_come_from_the_mirror_and_are_fetched_once(repository):
    jars = JarList("kafka", tuple(repository.add(f"thing{n}", f"content {n}".encode()) for n in range(20)))
    told = []
    assert not is_complete(jars)
    fetch([jars], lambda *event: told.append(event))
    assert [p.read_bytes() for p in jars.paths] == [f"content {n}".encode() for n in range(20)]
    assert told[-1][1:] == (jars.size, jars.size)
    assert is_complete(jars)

    fetch([jars])
    assert repository.requests["thing0-1.0.jar"] == 1


def test_a_corrupt_file_is_fetched_again_and_the_others_are_not(repository):
    jars = JarList("kafka", (repository.add("good", b"good"), repository.add("bad", b"right")))
    fetch([jars])
    jars.paths[1].write_bytes(b"wrong")
    assert not is_complete(jars)
    fetch([jars])
    assert jars.paths[1].read_bytes() == b"right"
    assert (repository.requests["good-1.0.jar"], repository.requests["bad-1.0.jar"]) == (1, 2)


def test_a_file_that_was_only_touched_is_read_and_kept(repository):
    jars = JarList("kafka", (repository.add("good", b"good"),))
    fetch([jars])
    jars.paths[0].touch()
    assert not is_complete(jars)
    fetch([jars])
    assert is_complete(jars)
    assert repository.requests["good-1.0.jar"] == 1


def test_a_wrong_checksum_is_an_error_and_the_file_does_not_get_its_name(repository):
    pinned = repository.add("thing", b"the pinned one")
    repository.add("thing", b"another one!!!")
    jars = JarList("kafka", (pinned,))
    with pytest.raises(TerminalError, match=r"org.example:thing:1.0 has the wrong checksum"):
        fetch([jars])
    assert not jars.paths[0].exists()


def test_a_file_that_is_cut_off_is_tried_again_and_then_an_error(repository):
    pinned = repository.add("thing", b"the whole content")
    repository.add("thing", b"the wh")
    jars = JarList("kafka", (pinned,))
    with pytest.raises(TransientError, match="was cut off: 6 of 17 bytes"):
        fetch([jars])
    assert repository.requests["thing-1.0.jar"] == 3
    assert not jars.paths[0].exists()


def test_a_failed_fetch_keeps_what_came_and_goes_on_from_there(repository):
    good = repository.add("good", b"good")
    missing = Jar("org.example", "missing", "1.0", 4, hashlib.sha256(b"here").hexdigest())
    jars = JarList("kafka", (good, missing))
    with pytest.raises(TransientError, match=r"missing:1.0 could not be fetched: the repository does not have it") as e:
        fetch([jars])
    assert "PIPELINE_CHECKS_MAVEN_MIRROR" in e.value.next_step
    repository.add("missing", b"here")
    fetch([jars])
    assert is_complete(jars)
    assert repository.requests["good-1.0.jar"] == 1


def test_an_unreachable_repository_is_an_error_that_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PIPELINE_CHECKS_MAVEN_MIRROR", "http://127.0.0.1:9/maven2")
    monkeypatch.setenv("PIPELINE_CHECKS_CACHE", str(tmp_path))
    jars = JarList("kafka", (Jar("org.example", "thing", "1.0", 4, hashlib.sha256(b"here").hexdigest()),))
    with pytest.raises(TransientError, match="goes on where it stopped"):
        fetch([jars])
