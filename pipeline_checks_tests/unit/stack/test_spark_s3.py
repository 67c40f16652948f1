"""The Spark server on the stack's store: its own jars alone, and keys that nobody else reads."""

from __future__ import annotations

from pathlib import Path

from pipeline_checks.stack.home import Home
from pipeline_checks.stack.service import Placement
from pipeline_checks.stack.services.spark_s3 import spark_on_s3

STORE = {"S3_ENDPOINT": "http://127.0.0.1:9", "S3_ACCESS_KEY": "key", "S3_SECRET_KEY": "hidden"}


def test_the_server_knows_store_and_catalogs_and_no_jars_of_other_services(tmp_path: Path) -> None:
    service = spark_on_s3("lake_spark", "LAKE_SPARK_URL", {"lake": "s3a://bucket/w"})
    lists = {name: [tmp_path / name / "a.jar"] for name in ("object_store", "spark_s3", "spark")}
    folder = tmp_path / "services" / "lake_spark"
    placement = Placement(Home(tmp_path), "lake_spark", folder, {"lake_spark": 15099}, STORE, classpaths=lists)
    service.prepare(placement)
    file = folder / "spark-defaults.conf"
    settings = dict(line.split(" ", 1) for line in file.read_text().splitlines())
    assert settings["spark.driver.extraClassPath"] == f"{tmp_path}/spark/*:{tmp_path}/spark_s3/*"
    assert settings["spark.hadoop.fs.s3a.endpoint"] == STORE["S3_ENDPOINT"]
    assert settings["spark.hadoop.fs.s3a.connection.ssl.enabled"] == "false"
    assert settings["spark.sql.catalog.lake.type"] == "hadoop"
    assert settings["spark.sql.catalog.lake.warehouse"] == "s3a://bucket/w"
    assert file.stat().st_mode & 0o077 == 0
    assert service.settings(placement) == {"LAKE_SPARK_URL": "sc://127.0.0.1:15099"}
    assert service.depends_on == ("object_store",)
    assert service.jars == ("spark", "spark_s3")
