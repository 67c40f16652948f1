"""Files of the container images: jars and settings of the JVM services, the same as those of the embedded stack.

``python -m pipeline_checks.stack.image_files FOLDER`` is run while an image is built, once the jars are there.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline_checks.stack.jars.lists import jar_list
from pipeline_checks.stack.java import FAST_START
from pipeline_checks.stack.services import connect, kafka, object_store

EVERYWHERE = "0.0.0.0"
DATA = Path("/var/lib/pipeline_checks")


def write_image_files(folder: Path) -> None:
    """Write a folder each for Kafka, the object store and Spark; FOLDER is where they lie in the image as well."""
    own = folder / "kafka"
    _copy(own / "libs", jar_list("kafka").paths)
    _write(own / "classpath", _classpath(own / "libs", jar_list("kafka").paths))
    _write(own / "flags", _flags(f"-Dlog4j2.configurationFile={(own / 'log4j2.xml').as_uri()}"))
    _write(own / "log4j2.xml", kafka.LOGGING)
    _write(own / "cluster", kafka.CLUSTER)
    _write(own / "server.properties", kafka.broker_settings("127.0.0.1", (9092, 9093, 9094, 9095), DATA / "kafka"))
    _write(own / "worker.properties", connect.worker_settings(EVERYWHERE, "connect", 8083, "kafka:29092"))
    store = folder / "object_store"
    _copy(store / "libs", jar_list("object_store").paths)
    _write(store / "classpath", _classpath(store / "libs", jar_list("object_store").paths))
    _write(store / "flags", _flags(f"-Dlogback.configurationFile={store / 'logback.xml'}"))
    _write(store / "logback.xml", object_store.LOGGING)
    _write(
        store / "s3proxy.properties",
        object_store.proxy_settings(EVERYWHERE, 9000, "unset", "unset", DATA / "object_store"),
    )
    # One folder a list lies in the cache under a name that holds its contents; what runs Spark is told a plain one.
    (folder / "spark").symlink_to(jar_list("spark").folder)


def _copy(folder: Path, jars: Sequence[Path]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for jar in jars:
        shutil.copy(jar, folder / jar.name)


def _classpath(folder: Path, jars: Sequence[Path]) -> str:
    return ":".join(str(folder / jar.name) for jar in jars)


def _flags(*more: str) -> str:
    return "\n".join((*FAST_START, *more)) + "\n"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


if __name__ == "__main__":
    write_image_files(Path(sys.argv[1]))
