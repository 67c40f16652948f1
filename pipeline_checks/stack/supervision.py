"""supervisord as the supervisor of a home's processes: its configuration, its start, and talking to it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import xmlrpc.client
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import ConfigurationError, TerminalError, TransientError
from pipeline_checks.stack.environment import replace_file
from pipeline_checks.stack.home import Home, writing

_DOWN_STATES = ("STOPPED", "EXITED", "FATAL")
_MISSING_NAME = 10
_ALREADY = (60, 70, 90)  # ALREADY_STARTED, NOT_RUNNING, ALREADY_ADDED


@dataclass(frozen=True)
class Program:
    """A process for supervisord; ``rank`` is its depth among the dependencies, the deepest are stopped first."""

    name: str
    command: Sequence[str]
    folder: Path
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    rank: int = 0
    stop_signal: str = "TERM"
    stop_seconds: int = 15


@dataclass(frozen=True)
class ProcessInfo:
    """A process as supervisord sees it; ``started`` in seconds since 1970."""

    name: str
    state: str
    pid: int
    started: int
    problem: str

    @property
    def is_down(self) -> bool:
        """Whether no process is there, and supervisord is not about to start one."""
        return self.state in _DOWN_STATES


def configuration(home: Home, programs: Iterable[Program]) -> str:
    """Return the text of ``supervisord.conf``."""
    sections = [
        "; Written by `pipeline-checks up`.",
        "[unix_http_server]",
        f"file={_path(home.socket)}",
        "chmod=0700",
        "[supervisord]",
        f"logfile={_path(home.log('supervisord'))}",
        "logfile_maxbytes=1MB",
        "logfile_backups=1",
        f"pidfile={_path(home.supervisor_pid_file)}",
        f"childlogdir={_path(home.logs)}",
        f"directory={_path(home.path)}",
        "nodaemon=false",
        *(("user=root",) if os.geteuid() == 0 else ()),
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
    ]
    for program in programs:
        sections += _program_section(program)
    return "\n".join(sections) + "\n"


def _program_section(program: Program) -> list[str]:
    environment = ",".join(f"{name}={_quoted(name, value)}" for name, value in sorted(program.environment.items()))
    return [
        f"[program:{program.name}]",
        f"command={_text(shlex.join(program.command))}",
        f"directory={_path(program.folder)}",
        f"environment={environment}",
        f"priority={program.rank}",
        "autostart=false",
        "autorestart=true",
        "startsecs=1",
        "startretries=5",
        f"stopsignal={program.stop_signal}",
        f"stopwaitsecs={program.stop_seconds}",
        "killasgroup=true",
        *((f"user={program.user}",) if program.user else ()),
        "redirect_stderr=true",
        f"stdout_logfile={_path(program.log)}",
        "stdout_logfile_maxbytes=10MB",
        "stdout_logfile_backups=2",
    ]


def _text(value: str | Path) -> str:
    text = str(value)
    if "\n" in text or " ;" in text or " #" in text:
        raise ConfigurationError(
            f"{text!r} cannot stand in the configuration of supervisord",
            next_step="Use paths without line breaks and without a ';' or '#' behind a space.",
        )
    return text.replace("%", "%%")


def _path(path: Path) -> str:
    if "%" in str(path):  # supervisord expands some paths twice, so that no escape holds
        raise ConfigurationError(
            f"the path {path} holds a '%', which supervisord cannot take",
            next_step="Set PIPELINE_CHECKS_HOME to a folder without it.",
        )
    return _text(path)


def _quoted(name: str, value: str) -> str:
    quote = '"' if '"' not in value else "'"
    if quote in value or value != value.strip("'\""):  # supervisord has no escapes, and strips quotes at the ends
        raise ConfigurationError(
            f"the value of {name} holds quotes that the configuration of supervisord cannot hold",
            next_step="Use one kind of quotes only, and none at the ends.",
        )
    return f"{quote}{_text(value)}{quote}"


class Supervisor:
    """The supervisord of one home. Safe to use from several threads: each call has a connection of its own."""

    def __init__(self, home: Home) -> None:
        self.home = home

    def is_running(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self._call("getState")["statename"] == "RUNNING")
        except TransientError:
            return False

    def ensure(self, programs: Sequence[Program]) -> None:
        """Make supervisord run and know the programs; programs that run already are left as they are."""
        others = set(self.processes()) - {program.name for program in programs}
        text = configuration(self.home, programs) + "".join(self._sections(others))
        replace_file(self.home.supervisor_config, text, mode=0o600)
        if not self.is_running():
            self._start()
            return
        _, changed, _ = self._call("reloadConfig")[0]
        states = self.processes()
        for program in programs:
            known = states.get(program.name)
            if known is not None and known.is_down and program.name in changed:
                self._call("removeProcessGroup", program.name)
                known = None
            if known is None:
                self._call("addProcessGroup", program.name, allow=_ALREADY)

    def _sections(self, names: set[str]) -> list[str]:
        """Return what the configuration says of these programs: their order of ending is read from it."""
        written = re.split(r"(?m)^(?=\[)", self.home.supervisor_config.read_text()) if names else []
        heads = tuple(f"[program:{name}]" for name in names)
        return [section for section in written if section.startswith(heads)]

    def _start(self) -> None:
        output = self.home.logs / "supervisord.out"
        with writing(output), output.open("wb") as file:
            done = subprocess.run(
                [sys.executable, "-m", "supervisor.supervisord", "-c", str(self.home.supervisor_config)],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=self.home.path,
                check=False,
            )
        text = output.read_text(errors="replace").strip()
        if done.returncode != 0:
            raise TerminalError(
                f"supervisord did not start: {text.splitlines()[-1] if text else done.returncode}",
                next_step=f"Look at {output} and {self.home.log('supervisord')}.",
            )
        if not Deadline(10).wait_until(self.is_running, every=0.02):
            raise TransientError("supervisord does not answer", next_step=f"Look at {self.home.log('supervisord')}.")

    def processes(self) -> dict[str, ProcessInfo]:
        """Return the processes by name, empty when supervisord does not run."""
        try:
            found = self._call("getAllProcessInfo")
        except TransientError:
            return {}
        return {info["name"]: _process(info) for info in found}

    def process(self, name: str) -> ProcessInfo:
        """Return one process."""
        return _process(self._call("getProcessInfo", name))

    def ranks(self) -> dict[str, int]:
        """Return the rank of each process by name."""
        return {info["name"]: int(info["group_prio"]) for info in self._call("getAllConfigInfo")}

    def start(self, name: str) -> None:
        """Start a process without waiting for it; one that runs is left alone."""
        self._call("startProcess", name, False, allow=_ALREADY)

    def stop(self, name: str) -> None:
        """Ask a process to end without waiting for it."""
        self._call("stopProcess", name, False, allow=(*_ALREADY, _MISSING_NAME))

    def stop_all(self) -> None:
        """Stop every process, those that need others first, then supervisord itself."""
        self._stop_in_order(self.ranks())
        pid = self.pid()
        with suppress(TransientError):
            self._call("shutdown")
        Deadline(10).wait_until(lambda: not _exists(pid), every=0.02)

    def remove(self, names: Iterable[str]) -> None:
        """Stop the named processes, those that need others first, and forget them; the others go on."""
        ranks = self.ranks()
        removed = {name: ranks[name] for name in names if name in ranks}
        self._stop_in_order(removed)
        for name in removed:
            self._call("removeProcessGroup", name, allow=(_MISSING_NAME,))

    def _stop_in_order(self, ranks: Mapping[str, int]) -> None:
        for rank in sorted(set(ranks.values()), reverse=True):
            names = [name for name in ranks if ranks[name] == rank]
            for name in names:
                self.stop(name)
            # stopwaitsecs ends in SIGKILL, so this ends; the deadline is for a supervisord that has gone
            Deadline(120).wait_until(lambda names=names: self._all_down(names), every=0.05)  # type: ignore[misc]

    def _all_down(self, names: Iterable[str]) -> bool:
        states = self.processes()
        return all(name not in states or states[name].is_down for name in names)

    def pid(self) -> int | None:
        """Return the process id that supervisord wrote down, None when there is none."""
        try:
            return int(self.home.supervisor_pid_file.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def _call(self, method: str, *arguments: Any, allow: Sequence[int] = ()) -> Any:
        from supervisor.xmlrpc import SupervisorTransport

        transport = SupervisorTransport(None, None, serverurl=f"unix://{self.home.socket}")
        proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
        try:
            return getattr(cast(Any, proxy).supervisor, method)(*arguments)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode in allow:
                return None
            raise TransientError(
                f"supervisord refuses {method}: {fault.faultString}",
                next_step=f"Look at {self.home.log('supervisord')}.",
            ) from fault
        except (OSError, xmlrpc.client.ProtocolError, ValueError, EOFError) as error:
            raise TransientError(
                f"supervisord does not answer: {error}", next_step="Start the stack with `pipeline-checks up`."
            ) from error
        finally:
            transport.close()


def _process(info: Mapping[str, Any]) -> ProcessInfo:
    return ProcessInfo(info["name"], info["statename"], info["pid"], info["start"], info["spawnerr"])


def _exists(pid: int | None) -> bool:
    from pipeline_checks.stack.processes import alive

    return pid is not None and alive(pid)
