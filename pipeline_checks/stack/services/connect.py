"""Kafka Connect in distributed mode with exactly-once source and Debezium's Postgres connector on its class path."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from pipeline_checks.stack.environment import replace_file
from pipeline_checks.stack.java import FAST_START
from pipeline_checks.stack.ports import ADDRESS
from pipeline_checks.stack.probes import probe_json
from pipeline_checks.stack.service import Placement, Service
from pipeline_checks.stack.services import kafka

NAME = "connect"

_WORKER = """\
# Written by `pipeline-checks up`. A connector's own configuration says how its records are converted.
bootstrap.servers={bootstrap}
key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
key.converter.schemas.enable=false
value.converter.schemas.enable=false
listeners=http://{address}:{port}
rest.advertised.host.name={advertised}
rest.advertised.port={port}
plugin.discovery=service_load
offset.flush.interval.ms=1000
producer.linger.ms=0
task.shutdown.graceful.timeout.ms=5000
connector.client.config.override.policy=All
group.id=pipeline-checks-connect
config.storage.topic=_connect_configs
offset.storage.topic=_connect_offsets
status.storage.topic=_connect_status
config.storage.replication.factor=1
offset.storage.replication.factor=1
status.storage.replication.factor=1
offset.storage.partitions=1
status.storage.partitions=1
# One worker: nothing is won by waiting for others to come back.
scheduled.rebalance.max.delay.ms=0
session.timeout.ms=2000
heartbeat.interval.ms=300
rebalance.timeout.ms=10000
reconnect.backoff.max.ms=200
exactly.once.source.support=enabled
# A worker that starts reads its offsets to the end, and waits for a transaction that a killed one has left open there.
producer.transaction.timeout.ms=20000
"""


@cache
def connect() -> Service:
    """Return the service. Settings: ``CONNECT_URL``."""
    return Service(
        name=NAME,
        command=_command,
        follows=(kafka.NAME,),  # the worker loads its plugins while the broker starts, and then waits for it
        ports=(NAME,),
        needs=("CONNECT_URL",),
        settings=lambda placement: {"CONNECT_URL": placement.url(NAME)},
        prepare=_prepare,
        probe=lambda settings: probe_connect(settings["CONNECT_URL"]),
        jars=("kafka",),
        class_archive=NAME,
        ready_seconds=90,
        stop_seconds=30,  # the first end also writes the class archive
    )


def probe_connect(url: str) -> None:
    """Ask for the connectors: answered only by a worker that has joined its group and read its configuration."""
    probe_json("Kafka Connect", url, "/connectors")


def worker_settings(address: str, advertised: str, port: int, bootstrap: str) -> str:
    """Return the text of ``worker.properties``; others reach what listens on ``address`` at ``advertised``."""
    return _WORKER.format(address=address, advertised=advertised, port=port, bootstrap=bootstrap)


def _prepare(placement: Placement) -> None:
    placement.folder.mkdir(parents=True, exist_ok=True)
    replace_file(placement.folder / "log4j2.xml", kafka.LOGGING)
    bootstrap = f"{ADDRESS}:{placement.ports[kafka.NAME]}"
    text = worker_settings(ADDRESS, ADDRESS, placement.ports[NAME], bootstrap)
    replace_file(placement.folder / "worker.properties", text)


def _command(placement: Placement) -> Sequence[str]:
    return (
        placement.java,
        "-Xmx256m",
        "-Xms64m",
        *FAST_START,
        *placement.java_flags,
        kafka.logging_flag(placement),
        "-cp",
        placement.classpath("kafka"),
        "org.apache.kafka.connect.cli.ConnectDistributed",
        str(placement.folder / "worker.properties"),
    )
