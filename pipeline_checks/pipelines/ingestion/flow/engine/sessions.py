"""The session with Spark: opened when it is needed, opened anew when the server was, its errors told as ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from pipeline_checks.clients.spark_connect import close, connect, translate
from pipeline_checks.model.errors import PipelineChecksError, TransientError
from pipeline_checks.pipelines.ingestion.flow.engine.errors import EngineError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_SETTINGS: Final = {
    # A key that is there twice has its last value, as with every other reader of JSON.
    "spark.sql.variant.allowDuplicateKeys": "true",
    "spark.sql.session.timeZone": "UTC",
}
_LOST: Final = (
    "INVALID_HANDLE",
    "SESSION_NOT_FOUND",
    "SESSION_CHANGED",
    "server side session identifier",
    "Socket closed",
)


class Sessions:
    """At most one session with the server of a ``sc://`` URL."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: SparkSession | None = None

    def get(self) -> SparkSession:
        """Return the session.

        Raises EngineError ``CLUSTER_UNAVAILABLE``.
        """
        if self._session is None:
            try:
                self._session = connect(self._url)
                for name, value in _SETTINGS.items():
                    self._session.conf.set(name, value)
            except Exception as problem:  # Spark's errors, those of its transport and ours share no root
                self._session = None
                raise unavailable(problem) from None
        return self._session

    def close(self) -> None:
        """Give the session back."""
        session, self._session = self._session, None
        if session is not None:
            close(session)

    @contextmanager
    def asking(self, what: str) -> Iterator[SparkSession]:
        """Yield the session; ``what`` says what is being done.

        Raises EngineError ``CLUSTER_UNAVAILABLE`` where Spark does not answer, SparkRefusal where it refuses.
        """
        session = self.get()
        try:
            yield session
        except (EngineError, SparkRefusal, KeyboardInterrupt, GeneratorExit):
            raise
        except Exception as problem:
            ours = translate(what, problem)
            if isinstance(ours, TransientError) or any(word in str(problem) for word in _LOST):
                self.close()
                raise unavailable(ours) from None
            raise SparkRefusal(ours.message, str(problem)) from None


class SparkRefusal(Exception):
    """Spark could not do it; ``text`` is all that it said."""

    def __init__(self, message: str, text: str) -> None:
        super().__init__(message)
        self.text = text


def unavailable(problem: Exception) -> EngineError:
    """Return the error of a cluster that does not answer."""
    reason = problem.message if isinstance(problem, PipelineChecksError) else type(problem).__name__
    return EngineError(
        "CLUSTER_UNAVAILABLE",
        f"the cluster cannot be used: {reason}",
        next_step="See that its Spark Connect server runs, and run again: what is loaded already is not loaded twice.",
    )


def rows(frame: Any) -> list[dict[str, Any]]:
    """Return the rows of a frame, few of them, as they come by Arrow."""
    found: list[dict[str, Any]] = frame.toArrow().to_pylist()
    return found
