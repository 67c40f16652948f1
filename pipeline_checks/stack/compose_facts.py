"""Facts of services that run as containers: what the compose file promises against what Docker tells of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.model.service_facts import StackFacts
from pipeline_checks.stack.docker import Container, Project, run
from pipeline_checks.stack.environment import read_env
from pipeline_checks.stack.facts import Gathering, common, error_lines, start_order
from pipeline_checks.stack.home import Home
from pipeline_checks.stack.service import Service
from pipeline_checks.stack.starts import recalled
from pipeline_checks.stack.status import ServiceState

_LIMITS = """
cd /sys/fs/cgroup
cat memory.max 2>/dev/null || cat memory/memory.limit_in_bytes
cat pids.max 2>/dev/null || cat pids/pids.max
cat cpu.max 2>/dev/null || echo $(cat cpu/cpu.cfs_quota_us) $(cat cpu/cpu.cfs_period_us)
"""
_REACHES = 'exec 3<>"/dev/tcp/$0/$1"'


def gather(home: Home, project: Project, services: Sequence[Service], states: Sequence[ServiceState]) -> StackFacts:
    """Return the facts of the services in the order of their starts."""
    from pipeline_checks.stack.compose import compose_name

    gathered, starts = Gathering(), recalled(home)
    common(gathered, services, states, read_env(home))
    start_order(gathered, services, starts)
    declared = json.loads(project.compose("config", "--format", "json"))
    there = {c.service: c for c in project.containers()}
    for service in services:
        if service.once:
            continue
        name = compose_name(service.name)
        promised, found = declared["services"].get(name), there.get(name)
        if promised is None or found is None or not found.runs:
            why = "the compose file does not have it" if promised is None else "no container of it runs"
            for topic in ("environment", "ports", "network", "volumes", "limits", "restarts", "logs"):
                gathered.miss(topic, service.name, why)
            continue
        _of_container(gathered, service.name, promised, found, declared)
        _paths(gathered, service.name, promised, found, declared)
        _log(gathered, service.name, found, starts[service.name].ready.isoformat() if service.name in starts else None)
    return gathered.told("compose")


def _of_container(
    gathered: Gathering, name: str, promised: Mapping[str, Any], found: Container, declared: Mapping[str, Any]
) -> None:
    seen = found.document
    variables = dict(entry.partition("=")[::2] for entry in seen["Config"]["Env"])
    gathered.variables(
        name, {n: str(v) for n, v in promised.get("environment", {}).items() if v is not None}, variables
    )
    gathered.add("restarts", name, "policy", promised.get("restart"), seen["HostConfig"]["RestartPolicy"]["Name"])
    _ports(gathered, name, promised, seen)
    _volumes(gathered, name, promised, seen, declared)
    _limits(gathered, name, promised, found)


def _ports(gathered: Gathering, name: str, promised: Mapping[str, Any], seen: Mapping[str, Any]) -> None:
    published = seen["NetworkSettings"]["Ports"] or {}
    for port in promised.get("ports", ()):
        at = published.get(f"{port['target']}/tcp") or []
        addresses = ", ".join(sorted(f"{each['HostIp']}:{each['HostPort']}" for each in at))
        gathered.add("ports", name, str(port["target"]), f"{port['host_ip']}:{port['published']}", addresses or None)


def _volumes(
    gathered: Gathering,
    name: str,
    promised: Mapping[str, Any],
    seen: Mapping[str, Any],
    declared: Mapping[str, Any],
) -> None:
    mounted = {mount["Destination"]: mount for mount in seen["Mounts"]}
    for volume in promised.get("volumes", ()):
        source = declared["volumes"][volume["source"]]["name"] if volume["type"] == "volume" else volume["source"]
        found = mounted.get(volume["target"])
        wanted = f"{source}, {'read-only' if volume.get('read_only') else 'writable'}"
        there = None
        if found is not None:
            there = f"{found.get('Name') or found['Source']}, {'writable' if found['RW'] else 'read-only'}"
        gathered.add("volumes", name, volume["target"], wanted, there)


def _limits(gathered: Gathering, name: str, promised: Mapping[str, Any], found: Container) -> None:
    """Note the limits that the kernel holds the container to, not what Docker was asked for."""
    try:
        memory, pids, cpu = run(("exec", found.id, "bash", "-c", _LIMITS)).split("\n")[:3]
    except PipelineChecksError as error:
        gathered.miss("limits", name, error.message)
        return
    quota, _, period = cpu.partition(" ")
    cpus = "no limit" if quota in ("max", "-1") else f"{int(quota) / int(period):g}"
    for item, wanted, seen in (
        ("memory", promised.get("mem_limit"), memory.strip()),
        ("processes", promised.get("pids_limit"), pids.strip()),
        ("cpus", promised.get("cpus"), cpus),
    ):
        gathered.add("limits", name, item, f"{float(wanted):g}" if item == "cpus" and wanted else str(wanted), seen)


def _paths(
    gathered: Gathering, name: str, promised: Mapping[str, Any], found: Container, declared: Mapping[str, Any]
) -> None:
    """Note the networks of a container, and whether it reaches by name each service that it depends on."""
    wanted = sorted(declared["networks"][network]["name"] for network in promised.get("networks", {}))
    gathered.add("network", name, "networks", wanted, sorted(found.document["NetworkSettings"]["Networks"]))
    for needed in sorted(promised.get("depends_on", {})):
        ports = declared["services"][needed].get("ports") or ()
        if not ports:  # a step, which has run to its end
            continue
        try:
            run(("exec", found.id, "bash", "-c", _REACHES, needed, str(ports[0]["target"])), 15)
            seen = "reached"
        except PipelineChecksError:
            seen = "not reached"
        gathered.add("network", name, f"from it to {needed}", "reached", seen)


def _log(gathered: Gathering, name: str, found: Container, since: str | None) -> None:
    arguments = ("logs", *(("--since", since) if since else ()), found.id)
    try:
        text = run(arguments, errors_too=True)
    except PipelineChecksError as error:
        gathered.miss("logs", name, error.message)
        return
    gathered.add("logs", name, "errors since it was ready", "no errors", error_lines(text, name))
