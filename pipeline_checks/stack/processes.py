"""Finds the processes of a home without their supervisor, and stops what a dead one left behind."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterable, Mapping
from contextlib import suppress

import psutil

from pipeline_checks.stack.environment import replace_file
from pipeline_checks.stack.home import Home

MARK = "PIPELINE_CHECKS_SERVICE_OF"
"""Stands in the environment of every process that belongs to a home, with the home as value; children inherit it."""

NAME = "PIPELINE_CHECKS_SERVICE"

_SAME_START = 0.01
"""Seconds. A process id belongs to the recorded process when the start times agree; ids are given again."""


def alive(pid: int) -> bool:
    """Whether the process exists and has not ended (a zombie has)."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def record(home: Home, pids: Mapping[str, int]) -> None:
    """Write down which process serves which name, with its start time."""
    known = {}
    for name, pid in pids.items():
        with suppress(psutil.Error):
            known[name] = {"pid": pid, "started": psutil.Process(pid).create_time()}
    replace_file(home.processes_file, json.dumps(known, indent=1))


def recorded(home: Home) -> dict[str, psutil.Process]:
    """Return the recorded processes that still live, by name."""
    try:
        known = json.loads(home.processes_file.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    found = {}
    for name, entry in known.items():
        with suppress(psutil.Error):
            process = psutil.Process(entry["pid"])
            if abs(process.create_time() - entry["started"]) < _SAME_START and alive(process.pid):
                found[name] = process
    return found


def _marked(home: Home) -> Iterable[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == str(home.path):
                yield process


def left_behind(home: Home) -> list[psutil.Process]:
    """Return all processes that belong to the home, children included.

    Three ways find them: the mark in the environment (which supervisord and every restart pass on), the record of
    process ids (some programs, PostgreSQL among them, write over their environment), and the children of both.
    """
    found: dict[int, psutil.Process] = {}
    for process in (*_marked(home), *recorded(home).values()):
        with suppress(psutil.Error):
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            found[process.pid] = process
            for child in process.children(recursive=True):
                found.setdefault(child.pid, child)
    return list(found.values())


def end(processes: Iterable[psutil.Process], seconds: float) -> list[int]:
    """Ask the processes to end, kill those that have not within ``seconds``; return the ids of all."""
    processes = list(processes)
    for process in processes:
        with suppress(psutil.Error):
            # INT is PostgreSQL's fast shutdown; at TERM it would wait for its clients
            process.send_signal(signal.SIGINT if process.name().startswith("postgres") else signal.SIGTERM)
    _, stubborn = psutil.wait_procs(processes, timeout=seconds)
    for process in stubborn:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(stubborn, timeout=5)
    return [process.pid for process in processes]


def memory(pid: int) -> int:
    """Return the bytes of memory of a process and its children.

    Memory that processes share counts once in all (PSS) where the system tells it, else once for each (RSS).
    """
    total = 0
    with suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with suppress(psutil.Error):
                total += _memory_of(process)
    return total


def _memory_of(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.AccessDenied, AttributeError):
        return int(process.memory_info().rss)
