"""The Spark session of one verification: opened when the first lake table is read, given back at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pipeline_checks.clients import spark_connect
from pipeline_checks.clients.settings import resolve, setting
from pipeline_checks.model.engine import EngineDeclaration, SessionResource
from pipeline_checks.model.errors import ConfigurationError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

REMOTE_VARIABLE = "SPARK_REMOTE"
"""Spark's own variable for the URL of a Connect server: what a command takes where only Dagster has the resource."""


class SparkSessions:
    """Opens the session that a pipeline's engine declares, once.

    ``given`` gives the session of the resource, in a run of Dagster.
    """

    def __init__(self, engine: EngineDeclaration, given: Callable[[], Any] | None = None) -> None:
        self._engine = engine
        self._given = given
        self._session: SparkSession | None = None

    def __call__(self) -> SparkSession:
        """Return the session.

        Raises ConfigurationError when it is not known where it comes from, TransientError when the server is away.
        """
        if self._session is None:
            self._session = self._open()
        return self._session

    def close(self) -> None:
        """Give the session back."""
        if self._session is not None:
            spark_connect.close(self._session)
            self._session = None

    def _open(self) -> SparkSession:
        declared = self._engine.spark
        if not isinstance(declared, SessionResource):
            return spark_connect.connect(resolve(declared))
        if self._given is not None:
            return spark_connect.own(self._given())
        url = setting(REMOTE_VARIABLE, "")
        if not url:
            raise ConfigurationError(
                f"the Spark session comes from Dagster's resource {declared.resource!r}, which no command has.",
                next_step=f"Set {REMOTE_VARIABLE} to the sc:// URL of its server, or run a job of Dagster.",
            )
        return spark_connect.connect(url)
