"""Sessions of Spark, by a ``sc://`` URL or handed over, and what the errors of Spark mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError, TerminalError, TransientError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

URL_VARIABLE: Final = "SPARK_CONNECT_URL"
"""Where the embedded stack writes down the URL of its server."""
_DEFAULT_PORT: Final = 15002
_SECONDS: Final = 5.0
_RETRIES: Final = 4
"""Within a few seconds; Spark's own default waits for ten minutes."""
_METHOD: Final = "/spark.connect.SparkConnectService/AnalyzePlan"

_SETTINGS: Final = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.caseSensitive": "true",
    # Statistics leave NaN out, and tell of files that are lost as well.
    "spark.databricks.delta.optimizeMetadataQuery.enabled": "false",
    "spark.sql.iceberg.aggregate-push-down.enabled": "false",
    # Rows of a file that cannot be read would be missing without a word.
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
}
"""What a session of ours is set to, whatever the cluster's defaults are."""

_FILE = re.compile(r"[^\s'\"():,]*\.(?:parquet|orc|avro|json)\b")
_NO_TABLE = ("TABLE_OR_VIEW_NOT_FOUND", "DELTA_TABLE_NOT_FOUND", "DELTA_MISSING_DELTA_TABLE", "PATH_NOT_FOUND")
_SET_UP = ("DATA_SOURCE_NOT_FOUND", "DELTA_CONFIGURE_SPARK_SESSION", "CATALOG_NOT_FOUND", "Cannot find catalog plugin")
_AWAY = ("UNAVAILABLE", "failed to connect", "connection refused", "socket closed", "deadline exceeded")


def connect(url: str) -> SparkSession:
    """Open a session of our own on the Spark Connect server of a ``sc://`` URL.

    Raises ConfigurationError for a URL of another kind and where the extra ``spark`` is missing, TransientError when
    the server does not answer.
    """
    place = _place(url)
    _listens(place)
    try:
        from pyspark.sql.connect.session import SparkSession as ConnectSession
    except ImportError as problem:
        raise _missing(problem) from None
    with translated(f"opening a session of Spark at {place[0]}:{place[1]}"):
        # Not by the builder, which would hand this session to whoever asks for one in this process.
        return _made_ours(ConnectSession(connection=url))


def own(given: Any) -> SparkSession:
    """Return a session of our own beside one that was handed over, so that none of its settings are changed."""
    with translated("opening a session of Spark"):
        if not is_connected(given):
            return _made_ours(given.newSession())
        _ = given.version  # only a session that was asked something is known to the server
        return _made_ours(given.cloneSession())


def is_connected(session: Any) -> bool:
    """Whether a session lies behind Spark Connect, rather than in this process."""
    return type(session).__module__.startswith("pyspark.sql.connect")


def close(session: Any) -> None:
    """Give a Connect session back; one in this process ends with what it was made from."""
    if not is_connected(session):
        return
    try:
        session.client.release_session()
        session.client.close()
    except Exception:  # the server may be gone, and with it the session
        return


def probe_server(url: str) -> None:
    """Ask the server for nothing: that it refuses this shows that it is there; raises TransientError otherwise."""
    import grpc

    host, port = _place(url)
    with grpc.insecure_channel(f"{host}:{port}") as channel:
        try:
            channel.unary_unary(_METHOD)(b"", timeout=_SECONDS)
        except grpc.RpcError as answer:
            code = answer.code()
            if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNIMPLEMENTED):
                raise TransientError(
                    f"Spark Connect does not answer on {host}:{port}: {code.name}.", next_step="Look at its log."
                ) from None


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn errors of Spark into errors of this project; ``what`` says what was being done."""
    try:
        yield
    except (PipelineChecksError, KeyboardInterrupt, GeneratorExit):
        raise
    except Exception as problem:  # Spark's errors, those of its transport and those of Arrow share no root
        raise translate(what, problem) from None


def translate(what: str, problem: Exception) -> PipelineChecksError:
    """Return the error of this project that stands for one of Spark's."""
    text = _text(problem)
    lowered, first = text.lower(), _first_line(text) or type(problem).__name__
    if _code(problem) in ("UNAVAILABLE", "DEADLINE_EXCEEDED") or any(w.lower() in lowered for w in _AWAY):
        return TransientError(f"{what}: Spark does not answer.", next_step="See that its server runs.")
    if any(word in text for word in _SET_UP):
        return ConfigurationError(
            f"{what}: {first}.",
            next_step="Start Spark with the jars and settings of Delta Lake and Iceberg (docs/spark.md).",
        )
    if any(word in text for word in _NO_TABLE):
        return TerminalError(
            f"{what}: Spark finds no such table.",
            next_step="See that Spark reaches the same paths and catalogs as this machine.",
        )
    file = _FILE.search(text)
    if file:
        return TerminalError(
            f"{what}: a file {file.group(0)} cannot be read: {first}.",
            next_step="Restore the file, or the table to a version before it.",
            file=file.group(0),
        )
    return TerminalError(f"{what}: {first}.")


def _made_ours(session: Any) -> SparkSession:
    if is_connected(session):
        from pyspark.sql.connect.client.retries import DefaultPolicy

        session.client.set_retry_policies([DefaultPolicy(max_retries=_RETRIES, max_backoff=1000)])
    for name, value in _SETTINGS.items():
        session.conf.set(name, value)
    made: SparkSession = session
    return made


def _place(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if parts.scheme != "sc" or not host:
        raise ConfigurationError(
            "the URL of the Spark engine is not one of Spark Connect.", next_step="Write sc://HOST:15002."
        )
    return host, port or _DEFAULT_PORT


def _listens(place: tuple[str, int]) -> None:
    """Ask whether anything listens, as the client of Spark would go on asking for long."""
    import socket

    try:
        socket.create_connection(place, _SECONDS).close()
    except OSError as error:
        raise TransientError(
            f"Spark does not listen on {place[0]}:{place[1]}: {error.strerror or error}.",
            next_step="Start its Connect server, or correct `engine` of the pipeline.",
        ) from None


def _missing(problem: ImportError) -> ConfigurationError:
    return ConfigurationError(
        f"the Spark engine needs pyspark's client of Spark Connect: {_first_line(str(problem))}.",
        next_step="Install it: pip install 'pipeline-checks[spark]'.",
    )


def _code(problem: Exception) -> str:
    code = getattr(problem, "code", None)
    try:
        return str(getattr(code() if callable(code) else code, "name", ""))
    except Exception:
        return ""


def _text(problem: Exception) -> str:
    details = getattr(problem, "details", None)  # an error of the transport shows itself over many lines
    return str((details() if callable(details) else None) or problem)


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0].rstrip(".")[:400] if lines else ""
