"""The shared services: start, settings, kill -9 and recovery, conditional writes."""

import concurrent.futures
import os
import signal
import stat
import tempfile
from pathlib import Path

import psutil
import pytest

from pipeline_checks.clients import postgres as postgres_client
from pipeline_checks.clients.kafka import admin
from pipeline_checks.model.clock import Deadline
from pipeline_checks.stack import processes
from pipeline_checks.stack.embedded import EmbeddedProvider
from pipeline_checks.stack.probes import probe_json, probe_kafka, probe_postgres
from pipeline_checks.stack.services.connect import connect
from pipeline_checks.stack.services.kafka import kafka
from pipeline_checks.stack.services.object_store import object_store
from pipeline_checks.stack.services.postgres import databases, postgres

_SERVICES = (postgres, kafka, connect)


@pytest.fixture(scope="module")
def own_stack():
    """A stack that the tests of this module may kill."""
    home = Path(tempfile.mkdtemp(prefix=f"pipeline_checks_tests-{os.getpid()}-"))
    provider = EmbeddedProvider(home)
    try:
        provider.up([make() for make in _SERVICES])
        yield provider
    finally:
        provider.down(purge=True)


def _settings(provider):
    from pipeline_checks.stack.environment import read_env

    return read_env(provider.home)


def _state(provider, name):
    return next(s for s in provider.status() if s.name == name)


pytestmark = pytest.mark.stack


def test_up_of_what_runs_changes_nothing(own_stack):
    before = {s.name: s.pid for s in own_stack.status()}
    states = own_stack.up([make() for make in _SERVICES])
    assert {s.name: s.pid for s in states} == before
    assert all(s.ready and s.restarts == 0 for s in states)


def test_status_tells_port_uptime_memory_and_log_of_each(own_stack):
    for state in own_stack.status():
        assert state.ready
        assert state.port is not None
        assert 1 << 20 < state.memory_bytes < 1 << 30
        assert state.log.exists()


def test_everything_listens_on_the_loopback_address_only(own_stack):
    listening = {
        connection.laddr.ip
        for process in processes.left_behind(own_stack.home)
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening <= {"127.0.0.1", "::ffff:127.0.0.1"}
    assert listening


def test_the_database_server_logs_logically_and_its_data_is_closed_to_others(own_stack):
    with postgres_client.connect(_settings(own_stack)["POSTGRES_URL"]) as connection:
        assert connection.execute("SHOW wal_level").fetchone() == ("logical",)
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
        assert connection.execute("SHOW server_version").fetchone()[0].startswith("18.")
        data = Path(connection.execute("SHOW data_directory").fetchone()[0])
    assert stat.S_IMODE(data.stat().st_mode) == 0o700


def test_databases_are_created_once_and_their_urls_are_settings(own_stack):
    step = databases(
        "example", {"EXAMPLE_URL": ("postgresql", "example"), "OTHER_URL": ("postgresql+psycopg", "other")}
    )
    own_stack.up([postgres(), step])
    own_stack.up([postgres(), step])
    url = _settings(own_stack)["EXAMPLE_URL"]
    with postgres_client.connect(url) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("example",)
    assert _settings(own_stack)["OTHER_URL"] == url.replace("postgresql:", "postgresql+psycopg:").replace(
        "example", "other"
    )


def test_a_topic_that_no_one_created_is_not_created_by_asking_for_it(own_stack):
    client = admin(_settings(own_stack)["KAFKA_BOOTSTRAP_SERVERS"])
    client.list_topics(topic="nobody_made_me", timeout=5)
    assert "nobody_made_me" not in client.list_topics(timeout=5).topics


def test_the_connect_worker_knows_debezium_and_exactly_once(own_stack):
    plugins = probe_json("connect", _settings(own_stack)["CONNECT_URL"], "/connector-plugins")
    assert "io.debezium.connector.postgresql.PostgresConnector" in {p["class"] for p in plugins}
    worker = own_stack.home.folder("connect") / "worker.properties"
    assert "exactly.once.source.support=enabled" in worker.read_text()


_PROBES = {
    "postgres": lambda s: probe_postgres(s["POSTGRES_URL"]),
    "kafka": lambda s: probe_kafka(s["KAFKA_BOOTSTRAP_SERVERS"]),
    "connect": lambda s: probe_json("connect", s["CONNECT_URL"], "/connectors"),
}


@pytest.mark.parametrize("name", ["postgres", "kafka", "connect"])
def test_a_service_that_was_killed_comes_back_by_itself(own_stack, name):
    before = _state(own_stack, name)
    os.kill(before.pid, signal.SIGKILL)

    def is_back():
        after = _state(own_stack, name)
        return after if after.pid not in (None, before.pid) and after.ready else None

    after = Deadline(60).wait_until(is_back)
    assert after is not None
    assert after.port == before.port
    # PostgreSQL may need a second try, while the last children of the killed server hold its shared memory.
    assert after.restarts > before.restarts
    _PROBES[name](_settings(own_stack))
    # Those that depend on it get over it without being started again.
    assert Deadline(60).wait_until(lambda: all(s.ready for s in own_stack.status()))


def test_after_the_supervisor_was_killed_up_brings_everything_back_with_its_data(own_stack):
    url = _settings(own_stack)["POSTGRES_URL"]
    with postgres_client.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        connection.execute("INSERT INTO kept VALUES (1)")
    os.kill(own_stack._supervisor.pid(), signal.SIGKILL)
    states = own_stack.up([make() for make in _SERVICES])
    assert all(s.ready for s in states)
    with postgres_client.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1,)


def test_the_object_store_lets_one_of_many_creators_win(own_stack):
    own_stack.up([object_store(("lake",))])
    settings = _settings(own_stack)
    import pyarrow.fs
    from deltalake import DeltaTable, write_deltalake

    store = pyarrow.fs.S3FileSystem(
        endpoint_override=settings["S3_ENDPOINT"].removeprefix("http://"),
        scheme="http",
        access_key=settings["S3_ACCESS_KEY"],
        secret_key=settings["S3_SECRET_KEY"],
        region="us-east-1",
    )
    assert [f.base_name for f in store.get_file_info(pyarrow.fs.FileSelector(""))] == ["lake"]
    options = {
        "AWS_ENDPOINT_URL": settings["S3_ENDPOINT"],
        "AWS_ACCESS_KEY_ID": settings["S3_ACCESS_KEY"],
        "AWS_SECRET_ACCESS_KEY": settings["S3_SECRET_KEY"],
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
        "aws_conditional_put": "etag",
    }
    table = pyarrow.table({"writer": [0]})
    write_deltalake("s3://lake/table", table, storage_options=options)

    def write(writer):
        write_deltalake("s3://lake/table", pyarrow.table({"writer": [writer]}), mode="append", storage_options=options)

    # Each commit creates the log file of its version only if it is not there: none may overwrite another's.
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(1, 9)))
    found = DeltaTable("s3://lake/table", storage_options=options)
    assert found.version() == 8
    assert sorted(found.to_pyarrow_table()["writer"].to_pylist()) == list(range(9))


def test_a_signed_request_may_create_an_object_only_once(own_stack):
    own_stack.up([object_store(("lake",))])
    settings = _settings(own_stack)
    from pipeline_checks_tests.stack.signed_put import put_if_absent

    def create(writer):
        return put_if_absent(settings, "/lake/one", f"writer {writer}".encode())

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        statuses = sorted(pool.map(create, range(16)))
    assert statuses == [200, *[412] * 15]
