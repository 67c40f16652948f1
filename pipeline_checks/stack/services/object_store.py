"""s3proxy: an S3 API over a folder, with conditional writes."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from pipeline_checks.stack.environment import read_env, replace_file
from pipeline_checks.stack.java import FAST_START
from pipeline_checks.stack.ports import ADDRESS
from pipeline_checks.stack.probes import probe_port, probe_s3
from pipeline_checks.stack.service import Placement, Service, Settings

NAME = "object_store"
_ACCESS_KEY = "pipeline_checks"

_PROXY = """\
# Written by `pipeline-checks up`.
s3proxy.endpoint=http://{address}:{port}
s3proxy.authorization=aws-v2-or-v4
s3proxy.identity={identity}
s3proxy.credential={credential}
jclouds.provider=filesystem-nio2
jclouds.identity=unused
jclouds.credential=unused
jclouds.filesystem.basedir={data}
"""

LOGGING = """\
<configuration>
  <appender name="STDOUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d{yyyy-MM-dd HH:mm:ss.SSS} %p %logger{0} [%thread] %msg%n</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="STDOUT"/></root>
</configuration>
"""


@cache
def object_store(buckets: tuple[str, ...] = ()) -> Service:
    """Return the service. Settings: ``S3_ENDPOINT``, ``S3_ACCESS_KEY``, ``S3_SECRET_KEY``.

    ``buckets`` exist from the start; every folder below the store's data is one.
    """

    def prepare(placement: Placement) -> None:
        data = placement.folder / "data"
        for folder in (data, *(data / bucket for bucket in buckets)):
            folder.mkdir(parents=True, exist_ok=True)
        replace_file(placement.folder / "logback.xml", LOGGING)
        keys = (placement.settings["S3_ACCESS_KEY"], placement.settings["S3_SECRET_KEY"])
        text = proxy_settings(ADDRESS, placement.ports[NAME], *keys, data)
        replace_file(placement.folder / "s3proxy.properties", text, mode=0o600)

    return Service(
        name=NAME,
        command=_command,
        ports=(NAME,),
        needs=("S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY"),
        settings=_settings,
        prepare=prepare,
        probe=_probe,
        jars=("object_store",),
        class_archive=NAME,
    )


def proxy_settings(address: str, port: int, identity: str, credential: str, data: Path) -> str:
    """Return the text of ``s3proxy.properties``."""
    return _PROXY.format(address=address, port=port, identity=identity, credential=credential, data=data)


def _settings(placement: Placement) -> Settings:
    secret = read_env(placement.home).get("S3_SECRET_KEY") or secrets.token_urlsafe(24)
    return {
        "S3_ENDPOINT": placement.url(NAME),
        "S3_ACCESS_KEY": _ACCESS_KEY,
        "S3_SECRET_KEY": secret,
    }


def _probe(settings: Settings) -> None:
    endpoint = urlsplit(settings["S3_ENDPOINT"])
    probe_port("the object store", endpoint.hostname or ADDRESS, endpoint.port or 80)
    probe_s3(settings["S3_ENDPOINT"])


def _command(placement: Placement) -> Sequence[str]:
    return (
        placement.java,
        "-Xmx256m",
        *FAST_START,
        *placement.java_flags,
        f"-Dlogback.configurationFile={placement.folder / 'logback.xml'}",
        "-cp",
        placement.classpath("object_store"),
        "org.gaul.s3proxy.Main",
        "--properties",
        str(placement.folder / "s3proxy.properties"),
    )
