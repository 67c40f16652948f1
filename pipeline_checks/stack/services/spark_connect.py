"""A Spark Connect server on this machine: what a pipeline with ``engine: {spark: {env: SPARK_CONNECT_URL}}`` asks."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from pipeline_checks.clients.settings import listen_address
from pipeline_checks.clients.spark import lake_settings
from pipeline_checks.clients.spark_connect import URL_VARIABLE, probe_server
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.stack.environment import replace_file
from pipeline_checks.stack.java import FAST_START
from pipeline_checks.stack.ports import ADDRESS
from pipeline_checks.stack.probes import probe_port
from pipeline_checks.stack.service import Placement, Service, Settings

NAME = "spark_connect"
_MEMORY = "1g"

_LOGGING = """\
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss.SSS} %p %c{1}: %m%n
"""


@cache
def spark_connect() -> Service:
    """Return the service. Settings: ``SPARK_CONNECT_URL``."""
    return spark_server(NAME, URL_VARIABLE)


def spark_server(
    name: str,
    variable: str,
    *,
    jars: tuple[str, ...] = (),
    depends_on: tuple[str, ...] = (),
    more: Callable[[Placement], Settings] = lambda placement: {},
) -> Service:
    """Return a server of another name, whose URL ``variable`` says in ``stack.env``.

    ``jars`` are lists besides that of Spark itself, ``more`` returns settings besides those of every server.
    """

    def probe(settings: Settings) -> None:
        url = urlsplit(settings[variable])
        probe_port("Spark Connect", url.hostname or ADDRESS, url.port or 15002)
        probe_server(settings[variable])

    lists = ("spark", *jars)
    return Service(
        name=name,
        command=_command,
        depends_on=depends_on,
        ports=(name,),
        needs=(variable,),
        settings=lambda placement: {variable: f"sc://{ADDRESS}:{placement.ports[name]}"},
        environment=_environment,
        prepare=lambda placement: _prepare(placement, placement.ports[name], lists, more(placement)),
        probe=probe,
        jars=lists,
        ready_seconds=120,
    )


def _prepare(placement: Placement, port: int, jars: Sequence[str], more: Settings) -> None:
    placement.folder.mkdir(parents=True, exist_ok=True)
    replace_file(placement.folder / "log4j2.properties", _LOGGING)
    folders = (placement.classpaths[name][0].parent for name in jars)
    java = (*FAST_START, "-Duser.timezone=UTC", "-Xss4m", *placement.java_flags)
    settings = {
        "spark.master": "local[2]",
        "spark.driver.memory": _MEMORY,
        "spark.driver.extraClassPath": os.pathsep.join(f"{folder}/*" for folder in folders),
        "spark.driver.extraJavaOptions": " ".join(java),
        "spark.driver.bindAddress": ADDRESS,
        "spark.driver.host": ADDRESS,
        "spark.connect.grpc.binding.address": listen_address(),
        "spark.connect.grpc.binding.port": str(port),
        "spark.ui.enabled": "false",
        "spark.local.dir": str(placement.folder / "scratch"),
        "spark.sql.warehouse.dir": str(placement.folder / "warehouse"),
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.default.parallelism": "2",
        **lake_settings(),
        **more,
    }
    lines = "".join(f"{name} {value}\n" for name, value in settings.items())
    replace_file(placement.folder / "spark-defaults.conf", lines, mode=0o600)


def _environment(placement: Placement) -> Settings:
    return {
        "JAVA_HOME": str(Path(placement.java).resolve().parent.parent),
        "SPARK_HOME": str(_spark_home()),
        "SPARK_CONF_DIR": str(placement.folder),
        "SPARK_LOCAL_IP": ADDRESS,
    }


def _command(placement: Placement) -> Sequence[str]:
    # The wheel of pyspark has the server's jar, but not the script that starts it: that only names this class.
    server = "org.apache.spark.sql.connect.service.SparkConnectServer"
    return ("bash", str(_spark_home() / "bin" / "spark-submit"), "--class", server, "spark-internal")


def _spark_home() -> Path:
    from importlib.util import find_spec

    spec = find_spec("pyspark")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(
            "the Spark Connect server needs pyspark, which is not installed",
            next_step="Install it: pip install 'pipeline-checks[stack]'.",
        )
    return Path(spec.submodule_search_locations[0])
