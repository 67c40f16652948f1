"""Providers by name: where the services come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from pipeline_checks.clients.settings import setting
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.service_facts import StackFacts
from pipeline_checks.stack.service import Service
from pipeline_checks.stack.status import Report, ServiceState, silent

VARIABLE = "PIPELINE_CHECKS_PROVIDER"
DEFAULT = "embedded"


class Provider(Protocol):
    """Starts, watches and stops services, or only knows where they are."""

    name: str

    def up(self, services: Iterable[Service], report: Report = silent) -> list[ServiceState]:
        """Return when every service answers its protocol; idempotent."""
        ...

    def down(self, purge: bool = False, report: Report = silent) -> list[str]:
        """Stop what was started; return its names. ``purge`` removes data, logs and settings as well."""
        ...

    def stop(self, services: Iterable[Service]) -> list[str]:
        """Stop only these; return the names of what was stopped."""
        ...

    def status(self, services: Iterable[Service] = ()) -> list[ServiceState]:
        """Return the services as they are now; those given are probed, and reported where they do not run."""
        ...

    def pid(self, name: str) -> int | None:
        """Return the id of a service's first process on this machine, None when it does not run, or not here."""
        ...

    def halt(self, name: str) -> None:
        """Stop a service and keep it down until the next ``up``."""
        ...

    def facts(self, services: Iterable[Service]) -> StackFacts:
        """Return what was promised of the services beside what is seen of them."""
        ...


def _embedded() -> Provider:
    from pipeline_checks.stack.embedded import EmbeddedProvider

    return EmbeddedProvider()


def _compose() -> Provider:
    from pipeline_checks.stack.compose import ComposeProvider

    return ComposeProvider()


def _external() -> Provider:
    from pipeline_checks.stack.external import ExternalProvider

    return ExternalProvider()


_PROVIDERS: dict[str, Callable[[], Provider]] = {"embedded": _embedded, "compose": _compose, "external": _external}

NAMES = tuple(_PROVIDERS)


def provider(name: str | None = None) -> Provider:
    """Return the provider of that name, else of ``PIPELINE_CHECKS_PROVIDER``, else the embedded one.

    A running stack of containers says in ``stack.env`` that it is one.

    Raises ConfigurationError listing the names when there is none of that name.
    """
    wanted = name or setting(VARIABLE, DEFAULT)
    if wanted not in _PROVIDERS:
        raise ConfigurationError(
            f"there is no provider called {wanted!r}",
            next_step=f"Use one of {', '.join(NAMES)} (option --provider or variable {VARIABLE}).",
        )
    return _PROVIDERS[wanted]()
