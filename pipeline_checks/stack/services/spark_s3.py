"""A Spark Connect server that reads and writes the stack's object store, with Iceberg tables in catalogs there."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from urllib.parse import urlsplit

from pipeline_checks.stack.service import Placement, Service, Settings
from pipeline_checks.stack.services.spark_connect import spark_server


def spark_on_s3(name: str, variable: str, catalogs: Mapping[str, str]) -> Service:
    """Return the service; ``variable`` says its URL in ``stack.env``.

    ``catalogs`` are Iceberg catalogs of the type hadoop, by name, with their warehouse (``s3a://bucket/path``).
    """
    more = partial(_settings, catalogs=dict(catalogs))
    return spark_server(name, variable, jars=("spark_s3",), depends_on=("object_store",), more=more)


def _settings(placement: Placement, catalogs: Mapping[str, str]) -> Settings:
    found = placement.settings
    store = s3a_settings(found["S3_ENDPOINT"], found["S3_ACCESS_KEY"], found["S3_SECRET_KEY"])
    settings = {f"spark.hadoop.{key}": value for key, value in store.items()}
    for catalog, warehouse in catalogs.items():
        settings |= catalog_settings(catalog, warehouse)
    return settings | {
        "spark.sql.adaptive.enabled": "false",
        # What a client that is gone had begun is not worth going on with.
        "spark.connect.execute.manager.detachedTimeout": "10s",
        "spark.connect.execute.manager.maintenanceInterval": "5s",
    }


def s3a_settings(endpoint: str, access_key: str, secret_key: str) -> dict[str, str]:
    """Return the settings of Hadoop's file system ``s3a`` for a store that is not AWS itself."""
    return {
        "fs.s3a.endpoint": endpoint,
        "fs.s3a.endpoint.region": "us-east-1",
        "fs.s3a.access.key": access_key,
        "fs.s3a.secret.key": secret_key,
        "fs.s3a.aws.credentials.provider": "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider",
        "fs.s3a.path.style.access": "true",
        "fs.s3a.connection.ssl.enabled": str(urlsplit(endpoint).scheme == "https").lower(),
        # The faster one is of a library that is only needed with it.
        "fs.s3a.ssl.channel.mode": "default_jsse",
        "fs.s3a.bucket.probe": "0",
        "fs.s3a.attempts.maximum": "3",
        "fs.s3a.retry.limit": "3",
        "fs.s3a.connection.establish.timeout": "5s",
        # A file that is changed while it is read is refused by the store, instead of read half and half.
        "fs.s3a.change.detection.mode": "server",
        "fs.s3a.change.detection.source": "etag",
    }


def catalog_settings(name: str, warehouse: str) -> dict[str, str]:
    """Return the settings of an Iceberg catalog of the type hadoop."""
    key = f"spark.sql.catalog.{name}"
    # Spark's own cache of tables would not know the snapshots of other writers.
    return {
        key: "org.apache.iceberg.spark.SparkCatalog",
        f"{key}.type": "hadoop",
        f"{key}.warehouse": warehouse,
        f"{key}.cache-enabled": "false",
    }
