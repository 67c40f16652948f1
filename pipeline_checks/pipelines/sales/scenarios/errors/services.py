"""Faults of services: stopped, killed, paused, cut off from their clients."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import psutil

from pipeline_checks.clients.postgres import connect, translated
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.pipelines.sales.scenarios.errors.model import ErrorScenario, Scene
from pipeline_checks.pipelines.sales.scenarios.words import ETL
from pipeline_checks.stack.providers import provider

_DOWN_SECONDS = 60.0
_AWAY_SECONDS = 15.0


def services() -> Iterator[ErrorScenario]:
    """Yield the scenarios."""
    yield ErrorScenario(
        "kafka_service_stop",
        "The broker is stopped (SIGTERM) while lines flow, and started after a while",
        "service_failure", "kafka", "topic", "retry", "automatic", 120,
        inject=_stopped("kafka"),
        probe=lambda scene: _refuses(_broker(), "the broker"),
    )  # fmt: skip
    yield ErrorScenario(
        "kafka_service_kill",
        "The broker is killed (SIGKILL) while lines flow, and started by hand",
        "service_failure", "kafka", "topic", "retry", "manual", 120,
        inject=_killed("kafka"),
        probe=lambda scene: _refuses(_broker(), "the broker"),
    )  # fmt: skip
    yield ErrorScenario(
        "postgres_connection_loss",
        "Postgres ends all connections and is stopped while loads are written",
        "service_failure", "database", "warehouse", "retry", "automatic", 90,
        inject=_without_connections,
        probe=lambda scene: _refuses(_database(), "Postgres"),
    )  # fmt: skip
    yield ErrorScenario(
        "spark_worker_failure",
        "Spark's JVM is killed (SIGKILL), then the driver's process; it goes on from its checkpoint",
        "service_failure", "spark", "etl", "retry", "automatic", 180,
        inject=_spark_killed,
        probe=_is_another,
    )  # fmt: skip
    yield ErrorScenario(
        "service_pause",
        "The broker stands still (SIGSTOP): connections stay open, and nothing answers",
        "service_failure", "kafka", "topic", "retry", "automatic", 120,
        inject=_paused("kafka"),
        probe=lambda scene: _stands_still("kafka"),
    )  # fmt: skip


def up(scene: Scene) -> None:
    provider().up(scene.target.services)


def _stopped(service: str) -> Callable[[Scene], None]:
    def inject(scene: Scene) -> None:
        scene.repairs.append(lambda: up(scene))
        stop(service)

    return inject


def stop(service: str) -> None:
    provider().halt(service)


def _killed(service: str) -> Callable[[Scene], None]:
    def inject(scene: Scene) -> None:
        scene.repairs.append(lambda: up(scene))
        with suppress(ProcessLookupError):
            os.kill(_pid(service), signal.SIGKILL)
        stop(service)  # its supervisor would start it anew

    return inject


def _paused(service: str) -> Callable[[Scene], None]:
    def inject(scene: Scene) -> None:
        processes = _processes(service)

        def go_on() -> None:
            for process in processes:
                with suppress(psutil.Error):
                    process.resume()
            up(scene)

        scene.repairs.append(go_on)
        for process in processes:
            process.suspend()

    return inject


def _without_connections(scene: Scene) -> None:
    scene.repairs.append(lambda: up(scene))
    with connect(setting("SALES_WAREHOUSE_URL")) as connection, translated("ending connections"):
        ended = connection.execute(
            "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        ).fetchone()
    if not ended or not ended[0]:
        raise TerminalError("nobody was connected to Postgres.", next_step="See that the loader runs.")
    scene.told.append(f"{ended[0]} connections ended")
    stop("postgres")


def _spark_killed(scene: Scene) -> None:
    driver, *others = _processes(ETL)
    scene.facts["driver"] = driver.pid
    machines = [p for p in others if "java" in p.name()]
    if not machines:
        raise TerminalError("the ETL has no JVM.", next_step="See that it is up.")
    for process in (*machines, driver):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    scene.repairs.append(lambda: up(scene))


def _is_another(scene: Scene) -> str:
    """The supervisor starts another driver: nobody has to."""
    first = scene.facts["driver"]
    source = provider()

    def is_another() -> bool:
        return source.pid(ETL) not in (None, first)

    if not Deadline(_DOWN_SECONDS).wait_until(is_another):
        raise TerminalError("no other driver was started.", next_step="Look at the log of the supervisor.")
    return f"process {first} is gone, another one was started"


def _stands_still(service: str) -> str:
    states = {p.status() for p in _processes(service)}
    if states != {psutil.STATUS_STOPPED}:
        raise TerminalError(f"{service} does not stand still: {', '.join(sorted(states))}.", next_step="Try again.")
    return f"all processes of {service} are stopped"


def _processes(service: str) -> list[psutil.Process]:
    root = psutil.Process(_pid(service))
    return [root, *root.children(recursive=True)]


def _pid(service: str) -> int:
    pid = provider().pid(service)
    if pid is None:
        raise TerminalError(f"{service} does not run here.", next_step="Start it: pipeline-checks up sales.")
    return pid


def _broker() -> tuple[str, int]:
    host, _, port = setting("KAFKA_BOOTSTRAP_SERVERS").split(",")[0].rpartition(":")
    return host, int(port)


def _database() -> tuple[str, int]:
    parts = urlsplit(setting("SALES_WAREHOUSE_URL"))
    return parts.hostname or "127.0.0.1", parts.port or 5432


def _refuses(address: tuple[str, int], who: str) -> str:
    try:
        with socket.create_connection(address, timeout=5):
            pass
    except ConnectionRefusedError:
        return f"{who} refuses connections"
    raise TerminalError(f"{who} still takes connections.", next_step="See that nobody starts it.")
