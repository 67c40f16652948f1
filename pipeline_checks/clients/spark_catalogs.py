"""Iceberg catalogs in a session of Spark: those that it has, and those that it can be told of."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from pipeline_checks.clients.settings import resolve
from pipeline_checks.clients.spark_rows import quoted
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.secret import SettingValue

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_CATALOG = "org.apache.iceberg.spark.SparkCatalog"


def named_table(session: SparkSession, catalog: str, url: SettingValue, warehouse: SettingValue, table: str) -> str:
    """Return the name of a table as the session knows it.

    A catalog that Spark has under the name is taken as it is; otherwise the session, and no other one, is told of it.
    Raises ConfigurationError for a catalog that Spark cannot be told of.
    """
    key = f"spark.sql.catalog.{catalog}"
    if session.conf.get(key, None) is None:
        for name, value in catalog_settings(resolve(url), resolve(warehouse)).items():
            session.conf.set(f"{key}.{name}", value)
        session.conf.set(key, _CATALOG)
    return ".".join(quoted(part) for part in (catalog, *table.split(".")))


def catalog_settings(url: str, warehouse: str) -> dict[str, str]:
    """Return the settings of a catalog for Spark, by the URL with which SQLAlchemy or a REST client reach it.

    >>> catalog_settings("sqlite:////lake/catalog.db", "file:///lake")["uri"]
    'jdbc:sqlite:/lake/catalog.db'
    """
    # Spark's own cache of tables would not know the snapshots of other writers.
    settings = {"warehouse": warehouse, "cache-enabled": "false"}
    parts = urlsplit(url)
    system = parts.scheme.partition("+")[0]
    if system in ("http", "https"):
        return settings | {"type": "rest", "uri": url}
    settings |= {"type": "jdbc", "jdbc.schema-version": "V1"}
    if system == "sqlite":
        return settings | {"uri": f"jdbc:sqlite:{url.partition(':///')[2]}"}
    if system == "postgresql" and parts.hostname:
        place = parts.hostname + (f":{parts.port}" if parts.port else "")
        settings["uri"] = f"jdbc:postgresql://{place}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        named = {"jdbc.user": parts.username, "jdbc.password": parts.password}
        return settings | {name: unquote(value) for name, value in named.items() if value}
    raise ConfigurationError(
        f"Spark cannot be told of an Iceberg catalog in {system or 'a place without a scheme'}.",
        next_step="Configure it in Spark itself, as spark.sql.catalog.NAME with the name that the stage gives.",
    )
