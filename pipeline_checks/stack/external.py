"""The external provider: a user's own services, named by the environment. They are probed, never started or stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError, TransientError
from pipeline_checks.model.service_facts import StackFacts
from pipeline_checks.stack.service import Service
from pipeline_checks.stack.status import Progress, Report, ServiceState, silent

_PATIENCE_SECONDS = 10.0

T = TypeVar("T")


class ExternalProvider:
    """Asks services that someone else runs. What a pipeline would start for itself is expected to run as well."""

    name = "external"

    def up(self, services: Iterable[Service], report: Report = silent) -> list[ServiceState]:
        """Wait until each service answers.

        Raises ConfigurationError naming the variables that are not set, TransientError when a service does not
        answer within ten seconds.
        """
        probed = [s for s in services if s.needs]
        missing = sorted({name for s in probed for name in s.needs if not _is_set(name)})
        if missing:
            raise ConfigurationError(
                f"the environment does not say where the services are: {', '.join(missing)}",
                next_step="Set these variables, or start the services here with `--provider embedded`.",
                variables=missing,
            )

        def wait(service: Service) -> ServiceState:
            deadline = Deadline(_PATIENCE_SECONDS)
            state = deadline.wait_until(lambda: _ready(service)) or _state(service)
            what = "ready" if state.ready else "failed"
            report(Progress(service.name, what, deadline.elapsed, state.problem))  # type: ignore[arg-type]
            return state

        states = _beside_each_other(wait, probed)
        lame = [state for state in states if not state.ready]
        if lame:
            raise TransientError(
                "; ".join(f"{state.name}: {state.problem}" for state in lame),
                next_step="See that the services run and that the variables name them rightly.",
            )
        return states

    def down(self, purge: bool = False, report: Report = silent) -> list[str]:
        """Do nothing: what was not started here is not stopped here."""
        return []

    def stop(self, services: Iterable[Service]) -> list[str]:
        """Do nothing: what was not started here is not stopped here."""
        return []

    def pid(self, name: str) -> int | None:
        """Return None: whose process it is, is not known here."""
        return None

    def halt(self, name: str) -> None:
        """Refuse: what was not started here is not stopped here."""
        raise ConfigurationError(
            f"{name} is somebody else's service", next_step="Use a stack of your own: `--provider embedded`."
        )

    def facts(self, services: Iterable[Service]) -> StackFacts:
        """Return what can be told from outside: who answers. All else is theirs who run the services."""
        from pipeline_checks.stack.facts import Gathering, common

        asked = [s for s in services if s.needs]
        gathered = Gathering()
        env = {name: setting(name) for s in asked for name in s.needs if _is_set(name)}
        common(gathered, [replace(s, depends_on=(), follows=()) for s in asked], self.status(asked), env)
        return gathered.told(self.name)

    def status(self, services: Iterable[Service] = ()) -> list[ServiceState]:
        """Probe each service once; without any, the shared ones that the environment names."""
        from pipeline_checks.stack.services import shared

        asked = [s for s in services if s.needs] or [s for s in shared() if all(map(_is_set, s.needs))]
        return _beside_each_other(_state, asked)


def _beside_each_other(ask: Callable[[Service], T], services: list[Service]) -> list[T]:
    with ThreadPoolExecutor(max(1, len(services))) as pool:
        return list(pool.map(ask, services))


def _is_set(name: str) -> bool:
    try:
        setting(name)
    except ConfigurationError:
        return False
    return True


def _ready(service: Service) -> ServiceState | None:
    state = _state(service)
    return state if state.ready else None


def _state(service: Service) -> ServiceState:
    missing = [name for name in service.needs if not _is_set(name)]
    if missing:
        return ServiceState(service.name, "absent", problem=f"not set: {', '.join(missing)}")
    try:
        service.probe({name: setting(name) for name in service.needs})
    except PipelineChecksError as error:
        return ServiceState(service.name, "unready", problem=error.message)
    return ServiceState(service.name, "ready")
