"""Apache Kafka 4.3.1 in KRaft mode: one process that is broker and controller."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from pipeline_checks.model.errors import TerminalError
from pipeline_checks.stack.environment import replace_file
from pipeline_checks.stack.java import FAST_START
from pipeline_checks.stack.ports import ADDRESS
from pipeline_checks.stack.probes import probe_kafka
from pipeline_checks.stack.service import Placement, Service

NAME = "kafka"
_CONTROLLER = "kafka_controller"
_RELAYED, _RELAY = "kafka_relayed", "kafka_relay"
CLUSTER = "cGlwZWxpbmVfY2hlY2tzMQ"

_BROKER = """\
# Written by `pipeline-checks up`.
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{address}:{controller}
# Clients of RELAYED are told another port than the broker listens on: a relay between both can make the network bad.
listeners=PLAINTEXT://{address}:{port},RELAYED://{address}:{relayed},CONTROLLER://{address}:{controller}
advertised.listeners=PLAINTEXT://{address}:{port},RELAYED://{address}:{relay}
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,RELAYED:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
# Topics are created by those who need them, with the partitions that they need.
auto.create.topics.enable=false
num.partitions=1
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
num.network.threads=1
num.io.threads=2
background.threads=2
num.recovery.threads.per.data.dir=1
log.cleaner.dedupe.buffer.size=2097152
log.retention.ms=-1
# After kill -9 the broker waits until its former registration has run out.
group.min.session.timeout.ms=500
broker.session.timeout.ms=1500
broker.heartbeat.interval.ms=300
"""

LOGGING = """\
<Configuration status="WARN">
  <Appenders><Console name="C" target="SYSTEM_OUT">
    <PatternLayout pattern="%d{yyyy-MM-dd HH:mm:ss.SSS} %p %c{1} [%t] %m%n"/>
  </Console></Appenders>
  <Loggers>
    <Root level="INFO"><AppenderRef ref="C"/></Root>
    <Logger name="org.reflections" level="ERROR"/>
    <!-- It calls it an error when a busy machine was slow. -->
    <Logger name="org.apache.kafka.controller.EventPerformanceMonitor" level="OFF"/>
    <Logger name="org.apache.kafka.clients" level="WARN"/>
    <Logger name="org.apache.kafka.connect.runtime.rest.RestServer" level="WARN"/>
  </Loggers>
</Configuration>
"""


@cache
def kafka() -> Service:
    """Return the service.

    Settings: ``KAFKA_BOOTSTRAP_SERVERS``; ``KAFKA_RELAY`` is where a relay may listen for clients, who reach the broker
    at ``KAFKA_RELAYED`` by it and by nothing else.
    """
    return Service(
        name=NAME,
        command=lambda placement: (*_java(placement, "-Xmx256m", "-Xms64m"), "kafka.Kafka", _properties(placement)),
        ports=(NAME, _CONTROLLER, _RELAYED, _RELAY),
        needs=("KAFKA_BOOTSTRAP_SERVERS",),
        settings=_settings,
        prepare=_prepare,
        probe=lambda settings: probe_kafka(settings["KAFKA_BOOTSTRAP_SERVERS"]),
        jars=("kafka",),
        class_archive=NAME,
        stop_seconds=30,  # the first end also writes the class archive
    )


def _settings(placement: Placement) -> dict[str, str]:
    names = {"KAFKA_BOOTSTRAP_SERVERS": NAME, "KAFKA_RELAY": _RELAY, "KAFKA_RELAYED": _RELAYED}
    return {name: f"{ADDRESS}:{placement.ports[port]}" for name, port in names.items()}


def broker_settings(address: str, ports: Sequence[int], data: Path) -> str:
    """Return the text of ``server.properties``.

    ``ports`` are those of clients, of the controller, of clients behind a relay, and of that relay.
    """
    port, controller, relayed, relay = ports
    return _BROKER.format(address=address, port=port, controller=controller, relayed=relayed, relay=relay, data=data)


def _properties(placement: Placement) -> str:
    return str(placement.folder / "server.properties")


def logging_flag(placement: Placement) -> str:
    """Return the flag that names the configuration of log4j; broker and worker write to their standard output."""
    return f"-Dlog4j2.configurationFile={(placement.folder / 'log4j2.xml').as_uri()}"


def _java(placement: Placement, *flags: str) -> Sequence[str]:
    common = (*FAST_START, *placement.java_flags, logging_flag(placement))
    return (placement.java, *flags, *common, "-cp", placement.classpath("kafka"))


def _prepare(placement: Placement) -> None:
    data = placement.folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    replace_file(placement.folder / "log4j2.xml", LOGGING)
    ports = [placement.ports[name] for name in (NAME, _CONTROLLER, _RELAYED, _RELAY)]
    text = broker_settings(ADDRESS, ports, data)
    replace_file(placement.folder / "server.properties", text)
    if not (data / "meta.properties").exists():
        _format(placement)


def _format(placement: Placement) -> None:
    log = placement.home.log("kafka-format")
    tool = ("kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", _properties(placement), "--ignore-formatted")
    flags = (*FAST_START, logging_flag(placement), "-cp", placement.classpath("kafka"))
    with log.open("wb") as output:
        done = subprocess.run(
            [placement.java, "-Xmx128m", *flags, *tool],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    if done.returncode != 0:
        tail = log.read_text(errors="replace").strip().splitlines()[-3:]
        raise TerminalError(
            f"the storage of Kafka could not be formatted ({done.returncode}): {' / '.join(tail)}",
            next_step=f"Look at {log}.",
        )
