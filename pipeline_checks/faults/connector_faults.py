"""Faults of a connector and of what it reads in its database: paused, stopped, reconfigured, its slot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from pipeline_checks.clients.connect import Connect
from pipeline_checks.clients.postgres import connect as connect_postgres
from pipeline_checks.clients.postgres import translated
from pipeline_checks.clients.settings import resolve
from pipeline_checks.faults.fault import Target
from pipeline_checks.faults.injury import Injury
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import TerminalError, TransientError
from pipeline_checks.stages.service import Service

_STATE_SECONDS = 60.0
_SECOND_SLOT = "pipeline_checks_second_slot"


def _declared(target: Target) -> Service:
    stage = target.stage
    if not isinstance(stage, Service):
        raise TerminalError(f"{target.name} is no connector.", next_step="Name a stage of kind service.")
    return stage


def _acts_on_connector(target: Target) -> bool:
    return target.is_stage and isinstance(target.stage, Service)


@contextmanager
def _asked(target: Target) -> Iterator[tuple[Connect, str]]:
    """Yield the cluster and the connector's name."""
    declared = _declared(target)
    connect = Connect(resolve(declared.url))
    try:
        yield connect, declared.connector
    finally:
        connect.close()


def _await(target: Target, state: str) -> None:
    """Wait until the connector has a state, and its tasks, as far as it has some, too."""
    with _asked(target) as (connect, name):

        def reached() -> bool:
            try:
                status = connect.status(name) or {}
            except TransientError:
                return False
            tasks = [t.get("state") for t in status.get("tasks", ())]
            wanted = tasks and set(tasks) == {state} if state != "STOPPED" else not tasks
            return bool(status.get("connector", {}).get("state") == state and wanted)

        if not Deadline(_STATE_SECONDS).wait_until(reached):
            raise TransientError(
                f"connector {name} has not become {state} within {_STATE_SECONDS:.0f} s.",
                next_step="See the worker's log.",
            )


@dataclass(frozen=True)
class HaltedConnector:
    """The connector is paused or stopped by whoever may."""

    name: str
    description: str
    state: Literal["PAUSED", "STOPPED"]

    def acts_on(self, target: Target) -> bool:
        """Whether the target is a connector."""
        return _acts_on_connector(target)

    def plan(self, target: Target) -> Injury:
        """Return what will be done."""
        return Injury(self.name, target.pipeline.name, target.name, f"{self.description} ({target.name})")

    def act(self, target: Target, injury: Injury) -> Injury:
        """Halt it."""
        with _asked(target) as (connect, name):
            halt: Callable[[str], None] = connect.pause if self.state == "PAUSED" else connect.stop
            halt(name)
        _await(target, self.state)
        return injury

    def undo(self, target: Target, injury: Injury) -> None:
        """Let it go on."""
        with _asked(target) as (connect, name):
            connect.resume(name)
        _await(target, "RUNNING")


@dataclass(frozen=True)
class Reconfigured:
    """A setting that the pipeline declares is changed in the running connector."""

    name: str
    description: str
    setting: str

    def acts_on(self, target: Target) -> bool:
        """Whether the target is a connector that is declared with the setting as true or false."""
        return _acts_on_connector(target) and isinstance(_declared(target).config.get(self.setting), bool)

    def plan(self, target: Target) -> Injury:
        """Return the setting with its value before."""
        with _asked(target) as (connect, name):
            before = (connect.config(name) or {}).get(self.setting)
        what = f"{self.description} ({self.setting} of {target.name})"
        facts = {"setting": self.setting}
        return Injury(self.name, target.pipeline.name, target.name, what, facts=facts, undo={"before": before})

    def act(self, target: Target, injury: Injury) -> Injury:
        """Turn it round."""
        wrong = not _declared(target).config[self.setting]
        self._set(target, str(wrong).lower())
        return injury

    def undo(self, target: Target, injury: Injury) -> None:
        """Put it back."""
        self._set(target, injury.undo["before"])

    def _set(self, target: Target, value: str | None) -> None:
        with _asked(target) as (connect, name):
            config: dict[str, Any] = dict(connect.config(name) or {})
            config.pop(self.setting, None)
            connect.put(name, config if value is None else {**config, self.setting: value})
        _await(target, "RUNNING")


@dataclass(frozen=True)
class SecondSlot:
    """Someone makes a second replication slot on the captured database."""

    name: str
    description: str

    def acts_on(self, target: Target) -> bool:
        """Whether the target is a connector whose database is declared."""
        return _acts_on_connector(target) and _declared(target).connection is not None

    def plan(self, target: Target) -> Injury:
        """Return the slot."""
        facts = {"slot": _SECOND_SLOT}
        return Injury(self.name, target.pipeline.name, target.name, f"{self.description} ({_SECOND_SLOT})", facts=facts)

    def act(self, target: Target, injury: Injury) -> Injury:
        """Make it."""
        _ask_database(target, "SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", _SECOND_SLOT)
        return injury

    def undo(self, target: Target, injury: Injury) -> None:
        """Drop it."""
        drop = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s"
        _ask_database(target, drop, injury.facts["slot"])


def _ask_database(target: Target, statement: str, slot: str) -> None:
    connection = _declared(target).connection
    assert connection is not None
    with connect_postgres(resolve(connection.url)) as open_, translated(f"altering the slot {slot}"):
        open_.execute(statement, (slot,))
