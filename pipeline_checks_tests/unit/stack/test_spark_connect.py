"""The embedded Spark Connect server: its command, its files, and that all of it stays on this machine."""

from __future__ import annotations

from pathlib import Path

from pipeline_checks.stack.home import Home
from pipeline_checks.stack.service import Placement
from pipeline_checks.stack.services.spark_connect import NAME, spark_connect


def placed(tmp_path: Path) -> Placement:
    folder, jars = tmp_path / "services" / NAME, tmp_path / "jars"
    java = str(tmp_path / "jdk" / "bin" / "java")
    lists = {"spark": [jars / "a.jar", jars / "b.jar"]}
    return Placement(Home(tmp_path), NAME, folder, {NAME: 15099}, java=java, classpaths=lists)


def test_the_server_listens_on_this_machine_only_and_keeps_its_memory_small(tmp_path: Path) -> None:
    placement = placed(tmp_path)
    spark_connect().prepare(placement)
    written = (placement.folder / "spark-defaults.conf").read_text().splitlines()
    settings = dict(line.split(" ", 1) for line in written)
    assert settings["spark.connect.grpc.binding.address"] == settings["spark.driver.bindAddress"] == "127.0.0.1"
    assert settings["spark.connect.grpc.binding.port"] == "15099"
    assert settings["spark.driver.memory"] == "1g"
    assert settings["spark.driver.extraClassPath"] == f"{tmp_path / 'jars'}/*"
    assert "DeltaCatalog" in settings["spark.sql.catalog.spark_catalog"]


def test_the_server_is_started_by_its_class(tmp_path: Path) -> None:
    placement = placed(tmp_path)
    command = spark_connect().command(placement)
    assert command[-3:] == ("--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal")
    assert spark_connect().environment(placement)["SPARK_CONF_DIR"] == str(placement.folder)
    assert spark_connect().settings(placement) == {"SPARK_CONNECT_URL": "sc://127.0.0.1:15099"}
