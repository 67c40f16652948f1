"""What is told when Spark cannot be reached or asked, and how it is told of catalogs."""

from __future__ import annotations

import socket
import sys

import pytest

from pipeline_checks.clients.spark_catalogs import catalog_settings
from pipeline_checks.clients.spark_connect import connect, probe_server, translate
from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError, TerminalError, TransientError


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_a_server_that_is_away_is_told_at_once() -> None:
    port = free_port()
    with pytest.raises(TransientError, match=f"does not listen on 127.0.0.1:{port}"):
        connect(f"sc://127.0.0.1:{port}")
    with pytest.raises(TransientError, match="does not answer"):
        probe_server(f"sc://127.0.0.1:{port}")


def test_without_the_extra_its_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql.connect.session", None)
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        pytest.raises(ConfigurationError, match=r"pipeline-checks\[spark\]"),
    ):
        connect(f"sc://127.0.0.1:{listening.getsockname()[1]}")


@pytest.mark.parametrize("url", ["http://host:15002", "sc://", "sc://host:port", "local[2]"])
def test_a_url_of_another_kind_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"Write sc://HOST:15002") as refused:
        connect(url)
    assert url not in refused.value.message


@pytest.mark.parametrize(
    ("text", "kind", "told"),
    [
        ("<_MultiThreadedRendezvous: failed to connect to all addresses; >", TransientError, "does not answer"),
        ("[DATA_SOURCE_NOT_FOUND] Failed to find the data source: delta.", ConfigurationError, "Delta Lake"),
        ("[TABLE_OR_VIEW_NOT_FOUND] The table `x` cannot be found.\n\nJVM stacktrace:", TerminalError, "no such table"),
        ("[FAILED_READ_FILE] Error while reading file file:/lake/a/p-0.parquet.", TerminalError, "p-0.parquet"),
        ("something else\n\nJVM stacktrace:\nat org.apache", TerminalError, "reading t: something else."),
    ],
)
def test_errors_of_spark_are_told_in_a_line(text: str, kind: type[PipelineChecksError], told: str) -> None:
    error = translate("reading t", RuntimeError(text))
    assert type(error) is kind
    assert told in str(error)
    assert "\n" not in str(error)


def test_a_catalog_in_postgres_is_told_to_spark_with_its_user() -> None:
    url = "postgresql+psycopg://ice:p%40ss@db:5433/iceberg?sslmode=require"
    assert catalog_settings(url, "s3://lake") == {
        "type": "jdbc",
        "uri": "jdbc:postgresql://db:5433/iceberg?sslmode=require",
        "jdbc.user": "ice",
        "jdbc.password": "p@ss",
        "jdbc.schema-version": "V1",
        "warehouse": "s3://lake",
        "cache-enabled": "false",
    }


def test_a_rest_catalog_is_told_to_spark_by_its_url() -> None:
    assert catalog_settings("https://catalog/x", "w")["type"] == "rest"


def test_another_catalog_must_be_configured_in_spark() -> None:
    with pytest.raises(ConfigurationError, match=r"spark\.sql\.catalog\.NAME"):
        catalog_settings("mysql://u:secret@db/x", "w")
