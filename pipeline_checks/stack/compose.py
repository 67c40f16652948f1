"""The compose provider: the services as containers of Docker Compose, one project a home.

The same services as the embedded provider's, with the same settings in ``stack.env``: checks and commands of this
machine reach them at published ports of 127.0.0.1, and find their files in the home, which the containers see as well.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from pipeline_checks.model import clock
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError, TerminalError, TransientError
from pipeline_checks.model.service_facts import StackFacts
from pipeline_checks.stack import processes
from pipeline_checks.stack.docker import Container, Events, Project
from pipeline_checks.stack.environment import (
    read_env,
    read_variables,
    refuse_contradictions,
    write_env,
    write_variables,
)
from pipeline_checks.stack.home import Home
from pipeline_checks.stack.locking import exclusive
from pipeline_checks.stack.ports import choose_ports, variable
from pipeline_checks.stack.purging import purge_home
from pipeline_checks.stack.service import Placement, Service, in_order
from pipeline_checks.stack.starts import Began, remember
from pipeline_checks.stack.status import Progress, Report, ServiceState, State, silent

FILE_VARIABLE: Final = "PIPELINE_CHECKS_COMPOSE_FILE"
_SECRETS: Final = ("POSTGRES_PASSWORD", "S3_SECRET_KEY", "MARKET_API_KEY", "INGESTION_API_TOKEN")
_ENCRYPTION: Final = "INGESTION_ENCRYPTION_KEY"
_USER: Final = 10001
"""The user of the images; programs run as it when we are root, and as ourselves otherwise, so that both can write."""
_FOLDERS: Final = ("lake", "checkpoints", "services", "containers")
_BUILD_SECONDS: Final = 3600.0
_READY_SECONDS: Final = 300
_OWN: Final = "PIPELINE_CHECKS_PROVIDER"


class ComposeProvider:
    """Starts, watches and stops the containers of one home."""

    name = "compose"

    def __init__(self, home: Home | Path | None = None) -> None:
        self.home = home if isinstance(home, Home) else Home(Path(home).absolute()) if home else Home.current()
        self.project = Project(f"pipeline_checks_{self.home.key}", compose_file(), self.home.path / "compose.env")

    def up(self, services: Iterable[Service], report: Report = silent) -> list[ServiceState]:
        """Make the services run and answer; those that do already stay as they are.

        Images that are missing are built first. Returns the states with the seconds until each answered. Raises
        ConfigurationError, TransientError or TerminalError saying what to do; what was started stays.
        """
        ordered = in_order(services)
        begun = clock.monotonic()
        with exclusive(self.home, "up"):
            self.home.make()
            settings = self._settings(ordered)
            names = [compose_name(s.name) for s in ordered]
            report(Progress("containers", "starting", message=f"{len(names)} of {self.project.name}"))
            self._start(names)
        took = {s.name: self._await(s, settings, begun, report) for s in ordered}
        return [replace(state, seconds=took.get(state.name)) for state in self.status(ordered)]

    def down(self, purge: bool = False, report: Report = silent) -> list[str]:
        """Stop and remove all containers of this home, those of Dagster's runs included.

        ``purge`` removes volumes, data and settings as well. Returns the names of what was stopped.
        """
        if not self.project.env_file.exists():
            return []
        with exclusive(self.home, "down"):
            stopped = [service_name(c.service) for c in self.project.containers() if c.runs]
            stopped += [f"run {each[:12]}" for each in self.project.remove_runs()]
            self.project.compose("down", "--remove-orphans", *(["--volumes"] if purge else []), seconds=300)
            write_env(self.home, {n: v for n, v in read_env(self.home).items() if n != _OWN})
            if purge:
                purge_home(self.home)
                self.project.env_file.unlink(missing_ok=True)
        return stopped

    def stop(self, services: Iterable[Service]) -> list[str]:
        """Stop these services and remove their containers; everything else goes on."""
        names = {compose_name(s.name): s.name for s in services}
        with exclusive(self.home, "stop"):
            running = [names[c.service] for c in self.project.containers() if c.runs and c.service in names]
            if names:
                self.project.compose("rm", "--stop", "--force", *names)
        return running

    def status(self, services: Iterable[Service] = ()) -> list[ServiceState]:
        """Return the state of each service: of those given, and of all others that run."""
        if not self.project.env_file.exists():
            return [ServiceState(s.name, "stopped") for s in services if not s.once]
        from pipeline_checks.stack.services import shared

        env = read_env(self.home)
        asked = {s.name: s for s in services if not s.once}
        known = {s.name: s for s in shared()} | asked
        there = {service_name(c.service): c for c in self.project.containers()}
        others = (name for name, c in there.items() if c.runs and name not in asked)
        names = dict.fromkeys((*asked, *others))
        return [self._state(name, known.get(name), there.get(name), env, bool(there)) for name in names]

    def pid(self, name: str) -> int | None:
        """Return the id of a service's first process on this machine, None when it does not run."""
        found = self.project.container(compose_name(name))
        return None if found is None or not found.runs else found.pid

    def halt(self, name: str) -> None:
        """Stop a service and keep it down; ``up`` starts it again."""
        self.project.compose("stop", compose_name(name))

    def facts(self, services: Iterable[Service]) -> StackFacts:
        """Return what the services promise, and what is seen of it in the containers."""
        from pipeline_checks.stack.compose_facts import gather

        ordered = in_order(services)
        return gather(self.home, self.project, ordered, self.status(ordered))

    # what a start needs

    def _settings(self, ordered: Sequence[Service]) -> dict[str, str]:
        env, kept = read_env(self.home), read_variables(self.project.env_file)
        running = {service_name(c.service) for c in self.project.containers() if c.runs}
        owner = {port: s.name for s in ordered for port in s.ports}
        ports = choose_ports(owner, env, ours=lambda port: owner[port] in running)
        password = kept.get("POSTGRES_PASSWORD") or secrets.token_urlsafe(24)
        chosen = {variable(name): str(port) for name, port in ports.items()} | {_OWN: self.name}
        for service in ordered:
            placement = Placement(self.home, service.name, self.home.folder(service.name), ports, password=password)
            chosen.update(service.settings(placement))
        settings = {**env, **chosen}
        refuse_contradictions(settings, set(chosen) - {_OWN})
        self._make_folders()
        write_variables(self.project.env_file, self._variables(settings, kept, password))
        write_env(self.home, settings)
        return settings

    def _variables(self, settings: Mapping[str, str], kept: Mapping[str, str], password: str) -> dict[str, str]:
        """Return what the compose file asks for; what concerns pipelines that were never started is made up as well."""
        user, group = (_USER, _USER) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
        made = {name: settings.get(name) or kept.get(name) or secrets.token_urlsafe(24) for name in _SECRETS}
        ports = {name: value for name, value in settings.items() if name.startswith(variable(""))}
        chosen = {n: os.environ[n] for n in ("MARKET_GAP_REPAIR", "MARKET_API_RATE_LIMIT") if os.environ.get(n)}
        return {
            **made,
            **ports,
            **chosen,
            "POSTGRES_PASSWORD": password,
            _ENCRYPTION: settings.get(_ENCRYPTION, kept.get(_ENCRYPTION, "")),
            "PIPELINE_CHECKS_DATA": str(self.home.path),
            "PIPELINE_CHECKS_DATA_FOLDER": str(self.home.path),
            "PIPELINE_CHECKS_UID": str(user),
            "PIPELINE_CHECKS_GID": str(group),
        }

    def _make_folders(self) -> None:
        for name in _FOLDERS:
            folder = self.home.path / name
            folder.mkdir(exist_ok=True)
            if os.geteuid() == 0 and folder.stat().st_uid == 0:
                os.chown(folder, _USER, _USER)
        if os.geteuid() == 0:  # the containers' user must be able to enter what lies in it
            self.home.path.chmod(self.home.path.stat().st_mode | 0o011)

    def _start(self, names: Sequence[str]) -> None:
        arguments = ("up", "--detach", "--wait", "--wait-timeout", str(_READY_SECONDS), *names)
        events = Events(self.project.name)
        try:
            with events:
                self.project.compose(*arguments, seconds=_BUILD_SECONDS)
        except TerminalError as error:
            raise self._lame(names) or error from error
        finally:
            remember(self.home, {service_name(n): Began(*times) for n, times in events.times().items()})

    def _lame(self, names: Sequence[str]) -> PipelineChecksError | None:
        """Return what to say of the first service in the order of starting that is not as it should be."""
        there = {c.service: c for c in self.project.containers()}
        for name in names:
            found = there.get(name)
            if found is None or (found.status == "exited" and found.exit_code == 0) or found.health == "healthy":
                continue
            if found.status == "created":  # what it depends on did not come up
                continue
            tail = "\n  ".join(self.project.log(name).splitlines())
            ended = f"ended with exit code {found.exit_code}" if found.status == "exited" else f"is {_word(found)}"
            return TransientError(
                f"{service_name(name)} {ended}; its log ends with:\n  {tail}\n",
                next_step=f"Look at `docker logs {found.id[:12]}`, then run `pipeline-checks up` again.",
                service=service_name(name),
            )
        return None

    def _await(self, service: Service, settings: Mapping[str, str], begun: float, report: Report) -> float:
        """Wait until a service that is healthy within its container answers from here; return the seconds of all."""
        last: list[PipelineChecksError] = []

        def answers() -> bool:
            try:
                service.probe(settings)
            except TransientError as error:
                last[:] = [error]
                return False
            return True

        if not Deadline(service.ready_seconds).wait_until(answers, every=0.05):
            raise TransientError(
                f"{service.name} is healthy in its container and does not answer here: {last[0].message}",
                next_step="Look whether its port is published: `docker ps`.",
                service=service.name,
            )
        seconds = clock.monotonic() - begun
        report(Progress(service.name, "done" if service.once else "ready", seconds))
        return seconds

    # what is known

    def _state(
        self, name: str, service: Service | None, found: Container | None, env: Mapping[str, str], others: bool
    ) -> ServiceState:
        if found is None:
            return ServiceState(name, "absent" if others else "stopped")
        port = env.get(variable(service.ports[0])) if service is not None and service.ports else None
        state, problem = _judge(service, found, env)
        up = (clock.now() - found.started).total_seconds() if found.runs and found.started else None
        return ServiceState(
            name=name,
            state=state,
            port=int(port) if port else None,
            pid=found.pid if found.runs else None,
            uptime_seconds=up,
            memory_bytes=processes.memory(found.pid) if found.runs and found.pid else None,
            restarts=found.restarts,
            problem=problem,
        )


def compose_file() -> Path:
    """Return the compose file: that of ``PIPELINE_CHECKS_COMPOSE_FILE``, or of the checkout that this code lies in.

    Raises ConfigurationError when there is none.
    """
    import pipeline_checks

    chosen = os.environ.get(FILE_VARIABLE)
    file = Path(chosen) if chosen else Path(pipeline_checks.__file__).parent.parent / "compose" / "compose.yaml"
    if not file.exists():
        raise ConfigurationError(
            f"there is no compose file {file}",
            next_step=f"Set {FILE_VARIABLE} to compose/compose.yaml of a checkout of pipeline_checks.",
        )
    return file.absolute()


def compose_name(service: str) -> str:
    """Return a service's name in the compose file, which is its host name as well: those have no underscores."""
    return service.replace("_", "-")


def service_name(name: str) -> str:
    """Return the name of a service by that in the compose file."""
    return name.replace("-", "_")


def _word(found: Container) -> str:
    return found.health or found.status


def _judge(service: Service | None, found: Container, env: Mapping[str, str]) -> tuple[State, str]:
    if found.status == "exited" and found.exit_code == 0:
        return ("done" if service is not None and service.once else "stopped"), ""
    if found.status in ("exited", "restarting", "dead"):
        return "failed", f"ended with exit code {found.exit_code}"
    if found.status in ("created", "removing"):
        return "stopped", ""
    if found.status == "paused":
        return "unready", "it is paused"
    if found.health == "starting":
        return "starting", ""
    if found.health == "unhealthy":
        return "unready", "its health check fails"
    if service is None:
        return "ready", ""
    try:
        service.probe(env)
    except (TransientError, KeyError) as error:
        return "unready", error.message if isinstance(error, TransientError) else f"no setting {error}"
    return "ready", ""
