"""Facts of services that run as processes of this machine: read from the processes themselves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from configparser import RawConfigParser
from contextlib import suppress
from dataclasses import replace
from ipaddress import IPv6Address, ip_address
from pathlib import Path

import psutil

from pipeline_checks.model.service_facts import StackFacts
from pipeline_checks.stack.environment import read_env
from pipeline_checks.stack.facts import Gathering, common, error_lines, start_order
from pipeline_checks.stack.home import Home
from pipeline_checks.stack.jars.lists import jar_list
from pipeline_checks.stack.ports import ADDRESS, variable
from pipeline_checks.stack.processes import MARK, NAME
from pipeline_checks.stack.service import Placement, Service
from pipeline_checks.stack.services import postgres
from pipeline_checks.stack.starts import Began, recalled
from pipeline_checks.stack.status import ServiceState

_NOT_LISTENED = frozenset({"kafka_relay"})
"""Ports that are kept free for somebody else to listen on."""
_HEAP = re.compile(r"^-Xmx\S+$")


def gather(home: Home, services: Sequence[Service], states: Sequence[ServiceState]) -> StackFacts:
    """Return the facts of the services in the order of their starts."""
    gathered, env, starts = Gathering(), read_env(home), recalled(home)
    common(gathered, services, states, env)
    start_order(gathered, services, starts)
    pids = {s.name: s.pid for s in states if s.pid}
    policies = _policies(home)
    for service in services:
        if service.once:
            continue
        gathered.add("restarts", service.name, "started anew when it ends", "true", policies.get(service.name))
        ports = {p: int(env[variable(p)]) for p in service.ports if variable(p) in env}
        placement = Placement(home, service.name, home.folder(service.name), ports, env)
        pid = pids.get(service.name)
        if pid is None:
            for topic in ("environment", "ports", "network", "volumes"):
                gathered.miss(topic, service.name, "no process of it runs")
            continue
        try:
            _of_processes(gathered, service, placement, psutil.Process(pid))
        except psutil.Error as error:
            gathered.miss("environment", service.name, f"its process cannot be looked at: {error}")
        _log(gathered, service.name, home.log(service.name), starts.get(service.name))
    return gathered.told("embedded")


def _of_processes(gathered: Gathering, service: Service, placement: Placement, root: psutil.Process) -> None:
    name = service.name
    promised = {MARK: str(placement.home.path), NAME: name, **_own(service, placement)}
    seen: dict[str, str] | None = None
    with suppress(psutil.AccessDenied):
        seen = root.environ()
    gathered.variables(name, promised, seen)
    _heap(gathered, service, placement, root)
    folder = postgres.data_folder(placement) if name == postgres.NAME else placement.folder
    gathered.add("volumes", name, str(folder), "writable", _writable(folder, root))
    listening = _listening([root, *root.children(recursive=True)])
    for port, number in placement.ports.items():
        if port not in _NOT_LISTENED:
            at = sorted(a for a, n in listening if n == number)
            gathered.add("ports", name, port, f"{ADDRESS}:{number}", f"{at[0]}:{number}" if at else None)
    outside = sorted(f"{a}:{n}" for a, n in listening if not ip_address(a).is_loopback)
    gathered.add("network", name, "reached from", "this machine", ", ".join(outside) or "this machine")


def _own(service: Service, placement: Placement) -> dict[str, str]:
    """Return what the service itself asks for; what needs a JVM that is not asked about here stays out."""
    with suppress(KeyError, ValueError):
        return dict(service.environment(placement))
    return {}


def _heap(gathered: Gathering, service: Service, placement: Placement, root: psutil.Process) -> None:
    """Note the heap of a JVM; a program whose JVM is a child of it promises none here."""
    if service.class_archive is None:
        return
    classpaths = {name: jar_list(name).paths for name in service.jars}
    promised = service.command(replace(placement, java="java", classpaths=classpaths))
    heap = next((w for w in promised if _HEAP.match(w)), None)
    gathered.add("limits", service.name, "heap", heap, next((w for w in root.cmdline() if _HEAP.match(w)), None))


def _writable(folder: Path, root: psutil.Process) -> str | None:
    if not folder.is_dir():
        return None
    found, user = folder.stat(), root.uids().effective
    bit = 0o200 if found.st_uid == user else 0o020 if found.st_gid == root.gids().effective else 0o002
    return "writable" if user == 0 or found.st_mode & bit else "read-only"


def _listening(processes: Sequence[psutil.Process]) -> set[tuple[str, int]]:
    found = set()
    for process in processes:
        with suppress(psutil.Error):
            for each in process.net_connections("tcp"):
                if each.status == psutil.CONN_LISTEN:
                    found.add((_plain(each.laddr.ip), int(each.laddr.port)))
    return found


def _plain(address: str) -> str:
    parsed = ip_address(address)
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return str(mapped or parsed)


def _policies(home: Home) -> dict[str, str]:
    parser = RawConfigParser(strict=False, interpolation=None)
    parser.read(home.supervisor_config)
    return {s.removeprefix("program:"): parser.get(s, "autorestart", fallback="") for s in parser.sections()}


def _log(gathered: Gathering, name: str, log: Path, began: Began | None) -> None:
    try:
        with log.open("rb") as file:
            skipped = began.log_bytes if began is not None and began.log_bytes <= log.stat().st_size else 0
            file.seek(skipped)
            text = file.read().decode(errors="replace")
    except OSError as error:
        gathered.miss("logs", name, f"{log}: {error.strerror}")
        return
    gathered.add("logs", name, "errors since it was ready", "no errors", error_lines(text, name))
