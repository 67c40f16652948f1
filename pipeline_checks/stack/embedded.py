"""The embedded provider: the services as processes of this machine, under the home's own supervisor."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from pipeline_checks.clients.settings import HOME_VARIABLE
from pipeline_checks.model import clock
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import PipelineChecksError, TransientError
from pipeline_checks.model.service_facts import StackFacts
from pipeline_checks.stack import archives, processes
from pipeline_checks.stack.environment import read_env, refuse_contradictions, write_env
from pipeline_checks.stack.home import Home
from pipeline_checks.stack.java import Java, find_java
from pipeline_checks.stack.locking import exclusive
from pipeline_checks.stack.ports import choose_ports, variable
from pipeline_checks.stack.purging import purge_home
from pipeline_checks.stack.service import Placement, Service, in_order
from pipeline_checks.stack.starts import Began, remember
from pipeline_checks.stack.startup import Start, Times, bring_up
from pipeline_checks.stack.status import Progress, Report, ServiceState, State, restarts, silent
from pipeline_checks.stack.supervision import ProcessInfo, Program, Supervisor

_DOWN_SECONDS = 60.0
_RUNTIME = ("supervisord.conf", "supervisord.pid", "processes.json", "starts.json")


class EmbeddedProvider:
    """Starts, watches and stops the stack of one home. Services are daemons: they outlive the command."""

    name = "embedded"

    def __init__(self, home: Home | Path | None = None) -> None:
        self.home = home if isinstance(home, Home) else Home(Path(home).absolute()) if home else Home.current()
        self._supervisor = Supervisor(self.home)

    def up(self, services: Iterable[Service], report: Report = silent) -> list[ServiceState]:
        """Make the services run and answer; those that do already stay as they are.

        Returns their states with the seconds that each took. Raises ConfigurationError, TransientError or
        TerminalError saying what to do; what was started stays, and another call resumes.
        """
        ordered, begun = in_order(services), clock.now()
        with exclusive(self.home, "up"):
            self.home.make()
            running = self._supervisor.processes()
            if not running:
                self._end_left_behind()
            starts, programs = self._plan(ordered, running, report)
            try:
                took = bring_up(starts, self._supervisor, lambda: self._supervisor.ensure(programs), report)
            finally:
                self._record()
        self._remember(starts, took, begun)
        return [self._with_seconds(state, took) for state in self.status(ordered)]

    def down(self, purge: bool = False, report: Report = silent) -> list[str]:
        """Stop everything that was started in this home, also what a dead supervisor left behind.

        ``purge`` removes data, logs and settings as well. Returns the names of what was stopped.
        """
        if not self.home.path.exists():
            return []
        with exclusive(self.home, "down"):
            stopped = [name for name, process in self._supervisor.processes().items() if not process.is_down]
            if self._supervisor.is_running():
                self._supervisor.stop_all()
            stopped += [f"process {pid}" for pid in self._end_left_behind()]
            for name in _RUNTIME:
                (self.home.path / name).unlink(missing_ok=True)
            self.home.socket.unlink(missing_ok=True)
            self._keep_archives(report)
            if purge:
                purge_home(self.home)
        if purge:
            self.home.lock_file.unlink(missing_ok=True)
            with suppress(OSError):  # something of the user's own lies in it
                self.home.path.rmdir()
        return stopped

    def stop(self, services: Iterable[Service]) -> list[str]:
        """Stop these services and forget them; everything else goes on. Returns the names of what was stopped."""
        names = [s.name for s in services]
        with exclusive(self.home, "stop"):
            running = self._supervisor.processes()
            if running:
                self._supervisor.remove(names)
                self._record()
        return [name for name in names if _runs(running.get(name))]

    def pid(self, name: str) -> int | None:
        """Return the id of a service's first process, None when it does not run."""
        found = self._supervisor.processes().get(name)
        return None if found is None or not found.pid else found.pid

    def halt(self, name: str) -> None:
        """Stop a service and keep it down; ``up`` starts it again. Raises TransientError when it does not end."""

        def stays_down() -> bool:
            self._supervisor.stop(name)  # again: one that has just ended is not stopped by it, but started anew
            return self._supervisor.process(name).is_down

        if not Deadline(_DOWN_SECONDS).wait_until(stays_down):
            raise TransientError(f"{name} does not stay down.", next_step=f"Look at {self.home.log(name)}.")

    def status(self, services: Iterable[Service] = ()) -> list[ServiceState]:
        """Return the state of each service: of those given, and of all others that run."""
        from pipeline_checks.stack.services import shared

        env, running = read_env(self.home), self._supervisor.processes()
        exits = restarts(self.home.log("supervisord"))
        asked = {s.name: s for s in services if not s.once}
        known = {s.name: s for s in shared()} | asked
        orphans = {} if running else processes.recorded(self.home)
        names = dict.fromkeys((*asked, *running, *(name for name in orphans if name != "supervisord")))
        states = (self._state(name, known.get(name), running.get(name), env, exits[name]) for name in names)
        if running:  # what this supervisor does not know was never brought up beside the others, or forgotten
            states = (s if s.name in running else replace(s, state="absent") for s in states)
        return [_orphaned(s, orphans[s.name].pid) if s.name in orphans else s for s in states]

    # what a start needs

    def _plan(
        self, ordered: Sequence[Service], running: Mapping[str, ProcessInfo], report: Report
    ) -> tuple[list[Start], list[Program]]:
        env = read_env(self.home)
        java = find_java() if any(s.needs_java for s in ordered) else None
        if java is not None:
            archives.collect(self.home, java)
        classpaths = _fetch_jars(ordered, report)
        owner = {port: s.name for s in ordered for port in s.ports}
        ports = choose_ports(owner, env, ours=lambda port: _runs(running.get(owner[port])))
        settings = self._settings(ordered, ports, env, java, classpaths)
        starts, programs = [], []
        ranks: dict[str, int] = {}
        for service in ordered:
            ranks[service.name] = 1 + max((ranks[name] for name in service.upstream), default=-1)
            placement = Placement(
                home=self.home,
                name=service.name,
                folder=self.home.folder(service.name),
                ports=ports,
                settings=settings,
                java=str(java.binary) if java else "",
                classpaths=classpaths,
                java_flags=self._java_flags(service, java, classpaths),
            )
            placement.folder.mkdir(parents=True, exist_ok=True)
            environment = {**_process_environment(self.home, service.name), **service.environment(placement)}
            log, runs = self.home.log(service.name), _runs(running.get(service.name))
            starts.append(Start(service, placement, environment, log, runs))
            if not service.once:
                programs.append(_program(service, placement, environment, log, ranks[service.name]))
        return starts, programs

    def _settings(
        self,
        ordered: Sequence[Service],
        ports: Mapping[str, int],
        env: Mapping[str, str],
        java: Java | None,
        classpaths: Mapping[str, Sequence[Path]],
    ) -> dict[str, str]:
        chosen = {variable(name): str(port) for name, port in ports.items()}
        if java is not None:
            chosen["PIPELINE_CHECKS_JAVA"] = str(java.binary)
        for service in ordered:
            placement = Placement(self.home, service.name, self.home.folder(service.name), ports)
            chosen.update(service.settings(placement))
        if "spark" in classpaths and java is not None:
            jars = classpaths["spark"]
            classpath = archives.spark_classpath(jars)
            chosen["PIPELINE_CHECKS_SPARK_JARS"] = str(jars[0].parent)
            flags = archives.archive_flags(java, self.home, archives.SPARK, classpath)
            chosen["PIPELINE_CHECKS_SPARK_JVM_FLAGS"] = " ".join(("-Xshare:auto", *flags))
        settings = {**env, **chosen}
        refuse_contradictions(settings, chosen)
        write_env(self.home, settings)
        return settings

    def _java_flags(
        self, service: Service, java: Java | None, classpaths: Mapping[str, Sequence[Path]]
    ) -> Sequence[str]:
        if java is None or service.class_archive is None:
            return ()
        return archives.archive_flags(java, self.home, service.class_archive, classpaths[service.jars[0]])

    # what is left of an end

    def _end_left_behind(self) -> list[int]:
        # A JVM may be writing its class archive after its parent has gone; that is done once, and worth waiting for.
        writing = archives.pending_folder(self.home).exists()
        return processes.end(processes.left_behind(self.home), seconds=90 if writing else 15)

    def _keep_archives(self, report: Report) -> None:
        if "PIPELINE_CHECKS_JAVA" not in read_env(self.home):
            return
        with suppress(PipelineChecksError):  # without Java there is nothing to make faster
            java = find_java()
            archives.make_base_archive(java)
            for name in archives.collect(self.home, java):
                report(Progress(name, "done", message="archive of loaded classes kept for faster starts"))
        archives.discard(self.home)

    # what is known

    def _record(self) -> None:
        with suppress(PipelineChecksError):
            pids = {name: p.pid for name, p in self._supervisor.processes().items() if p.pid}
            if (supervisor := self._supervisor.pid()) is not None:
                pids["supervisord"] = supervisor
            processes.record(self.home, pids)

    def _state(
        self, name: str, service: Service | None, process: ProcessInfo | None, env: Mapping[str, str], exits: int
    ) -> ServiceState:
        ports = service.ports if service else (name,)
        port = env.get(variable(ports[0])) if ports else None
        log = self.home.log(name)
        state, problem = _judge(service, process, env)
        there = process is not None and process.pid > 0
        return ServiceState(
            name=name,
            state=state,
            port=int(port) if port else None,
            pid=process.pid if there and process else None,
            uptime_seconds=max(0.0, clock.now().timestamp() - process.started) if there and process else None,
            memory_bytes=processes.memory(process.pid) if there and process else None,
            restarts=exits,
            log=log if log.exists() else None,
            problem=problem,
        )

    @staticmethod
    def _with_seconds(state: ServiceState, took: Mapping[str, Times]) -> ServiceState:
        return replace(state, seconds=took[state.name].ready if state.name in took else None)

    def _remember(self, starts: Sequence[Start], took: Mapping[str, Times], begun: datetime) -> None:
        """Note when each service that did not run yet was started and ready, and how long its log was then."""
        found = {}
        for start in starts:
            if not start.runs:
                times = took[start.service.name]
                log = start.log.stat().st_size if start.log.exists() else 0
                started, ready = (begun + timedelta(seconds=each) for each in (times.started, times.ready))
                found[start.service.name] = Began(started, ready, log)
        remember(self.home, found)

    def facts(self, services: Iterable[Service]) -> StackFacts:
        """Return what the services promise, and what is seen of it in the processes."""
        from pipeline_checks.stack.embedded_facts import gather

        ordered = in_order(services)
        return gather(self.home, ordered, self.status(ordered))


def _orphaned(state: ServiceState, pid: int) -> ServiceState:
    problem = "runs without its supervisor, which has died: `up` starts it anew, `down` ends it"
    return replace(state, state="unready", pid=pid, problem=problem)


def _runs(process: ProcessInfo | None) -> bool:
    return process is not None and not process.is_down


def _judge(service: Service | None, process: ProcessInfo | None, env: Mapping[str, str]) -> tuple[State, str]:
    if process is None or process.state in ("STOPPED", "STOPPING"):
        return "stopped", ""
    if process.state in ("FATAL", "EXITED", "BACKOFF"):
        return "failed", process.problem
    if service is None:
        return ("starting" if process.state == "STARTING" else "ready"), ""
    try:
        service.probe(env)
    except (TransientError, KeyError) as error:
        return "unready", error.message if isinstance(error, TransientError) else f"no setting {error}"
    return "ready", ""


def _fetch_jars(ordered: Sequence[Service], report: Report) -> dict[str, Sequence[Path]]:
    from pipeline_checks.stack.jars.fetching import fetch
    from pipeline_checks.stack.jars.lists import jar_list

    lists = [jar_list(name) for name in dict.fromkeys(name for s in ordered for name in s.jars)]
    begun = clock.monotonic()

    def tell(name: str, done: int, total: int) -> None:
        report(Progress("jars", "fetching", clock.monotonic() - begun, f"{done >> 20} of {total >> 20} MB, {name}"))

    fetch(lists, tell)
    return {each.name: each.paths for each in lists}


def _process_environment(home: Home, service: str) -> dict[str, str]:
    """Return what every process of the home gets: where its settings stand, the mark, and how to import us."""
    import pipeline_checks

    # A checkout that is not installed is found by the folder a command runs in, which is not that of the service.
    root = Path(pipeline_checks.__file__).parent.parent
    path = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        HOME_VARIABLE: str(home.path),
        processes.MARK: str(home.path),
        processes.NAME: service,
        "PYTHONUNBUFFERED": "1",
        **({} if root.name == "site-packages" else {"PYTHONPATH": os.pathsep.join(path)}),
    }


def _program(service: Service, placement: Placement, environment: Mapping[str, str], log: Path, rank: int) -> Program:
    from pipeline_checks.stack.services.postgres import user

    return Program(
        name=service.name,
        command=service.command(placement),
        folder=Path("/") if service.unprivileged else placement.folder,  # it may not be able to enter the home
        log=log,
        environment=environment,
        user=user() if service.unprivileged else None,
        rank=rank,
        stop_signal=service.stop_signal,
        stop_seconds=service.stop_seconds,
    )
