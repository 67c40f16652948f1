"""Spark sessions on this machine: settings that work together, jars from a folder, fast start."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_checks.clients.settings import home, setting
from pipeline_checks.model.errors import ConfigurationError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_EXTENSIONS = (
    "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions,io.delta.sql.DeltaSparkSessionExtension"
)


def session_settings(*, lakes: bool = False, memory: str | None = None, throughput: bool = False) -> dict[str, str]:
    """Return the settings of a local session.

    Parameters
    ----------
    lakes:
        Whether the session itself reads or writes Delta and Iceberg tables; it starts slower then.
    memory:
        Heap of the JVM, ``SPARK_DRIVER_MEMORY`` or ``1g`` by default.
    throughput:
        Whether Spark itself computes much: its code is then compiled for speed, and the first batches take longer.

    Raises ConfigurationError when ``PIPELINE_CHECKS_SPARK_JARS`` names no folder with jars.
    """
    jars = Path(setting("PIPELINE_CHECKS_SPARK_JARS"))
    if not any(jars.glob("*.jar")):
        raise ConfigurationError(
            f"the folder of Spark's jars, {jars}, holds none",
            next_step="Fetch them with `make jars`, or set PIPELINE_CHECKS_SPARK_JARS to a folder that has them.",
        )
    settings = {
        "spark.master": "local[2]",
        "spark.driver.memory": memory or setting("SPARK_DRIVER_MEMORY", "1g"),
        "spark.driver.extraClassPath": f"{jars}/*",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.extraJavaOptions": " ".join(_java_options(throughput)),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.local.dir": str(home() / "spark"),
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.warehouse.dir": str(home() / "spark" / "warehouse"),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.default.parallelism": "2",
        "spark.sql.adaptive.enabled": "false",
    }
    return settings | (lake_settings() if lakes else {})


def lake_settings() -> dict[str, str]:
    """Return the settings with which a session reads and writes Delta and Iceberg tables."""
    return {
        "spark.sql.extensions": _EXTENSIONS,
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.databricks.delta.snapshotPartitions": "2",
    }


def _java_options(throughput: bool) -> list[str]:
    # The stack of 4 MB: one stream thread overflowed the default at its stop. C1 alone halves the time to the first
    # batch, and what this JVM runs all day is small.
    options = ["-Duser.timezone=UTC", "-XX:+UseSerialGC", "-Xss4m", "-XX:-UsePerfData"]
    if not throughput:
        options.append("-XX:TieredStopAtLevel=1")
    # The stack says here which archive of classes to use, or to make when the JVM ends.
    return [*options, *setting("PIPELINE_CHECKS_SPARK_JVM_FLAGS", "").split()]


def end(started: SparkSession, seconds: float) -> None:
    """Stop a session and its JVM, and wait until that has ended: it may write an archive of its classes then.

    A JVM that does not end in time is left to whoever ends this process.
    """
    from subprocess import TimeoutExpired

    gateway = started.sparkContext._gateway
    started.stop()
    process = getattr(gateway, "proc", None)
    if process is None:
        return
    process.stdin.close()
    try:
        process.wait(seconds)
    except TimeoutExpired:
        process.kill()


def session(name: str, settings: dict[str, str]) -> SparkSession:
    """Start a session, with the Java of ``PIPELINE_CHECKS_JAVA`` where that is set."""
    from pyspark.sql import SparkSession

    java = setting("PIPELINE_CHECKS_JAVA", "")
    if java:
        os.environ["JAVA_HOME"] = str(Path(java).resolve().parent.parent)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    (home() / "spark").mkdir(parents=True, exist_ok=True)
    builder = SparkSession.builder.appName(name)
    for key, value in settings.items():
        builder = builder.config(key, value)
    started = builder.getOrCreate()
    started.sparkContext.setLogLevel("WARN")
    return started
