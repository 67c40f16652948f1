"""Schemas in the registry that no longer are those of the table and the API."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from pipeline_checks.clients.http import client, get_json, translated
from pipeline_checks.clients.settings import resolve
from pipeline_checks.faults.expectation import Expectation, ExpectedFinding
from pipeline_checks.faults.fault import Target
from pipeline_checks.faults.injury import Injury
from pipeline_checks.faults.scenario import Scenario
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.pipelines.market_data.scenarios.words import STAGES, TOPIC, drift

FIELD = "liquidity"
REMOVED = "side"
Change = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class RegisteredSchema:
    """Another schema is registered for a topic; ``is_taken`` says whether the registry must take it."""

    name: str
    description: str
    change: Change
    is_taken: bool

    def acts_on(self, target: Target) -> bool:
        """Whether the target is a topic with a registry."""
        return target.is_stage and getattr(target.stage, "registry", None) is not None

    def plan(self, target: Target) -> Injury:
        """Return the schema that will be registered."""
        _, newest = self._newest(target)
        schema = self.change(json.loads(newest["schema"]))
        what = f"{self.description} ({target.name})"
        return Injury(self.name, target.pipeline.name, target.name, what, facts={"schema": schema})

    def act(self, target: Target, injury: Injury) -> Injury:
        """Register it; raises TerminalError when the registry does otherwise than it must."""
        path, _ = self._newest(target)
        url = resolve(target.stage.registry)  # type: ignore[attr-defined]
        with client(url) as session, translated(f"POST {path}"):
            answer = session.post(path, json={"schema": json.dumps(injury.facts["schema"])})
        if answer.is_success != self.is_taken:
            word = "took" if answer.is_success else "refused"
            raise TerminalError(f"the registry {word} the schema: {answer.status_code} {answer.text[:300]}")
        version = self._newest(target)[1]["version"] if self.is_taken else None
        return replace(injury, undo={"version": version})

    def undo(self, target: Target, injury: Injury) -> None:
        """Take the version away again."""
        version = injury.undo.get("version")
        if version is None:
            return
        path, _ = self._newest(target)
        url = resolve(target.stage.registry)  # type: ignore[attr-defined]
        with client(url) as session, translated(f"DELETE {path}/{version}"):
            answer = session.delete(f"{path}/{version}")
        if not answer.is_success and answer.status_code != 404:
            raise TerminalError(f"the registry keeps version {version}: {answer.status_code} {answer.text[:300]}")

    @staticmethod
    def _newest(target: Target) -> tuple[str, dict[str, Any]]:
        stage: Any = target.stage
        path = f"/subjects/{stage.subject or stage.topic + '-value'}/versions"
        with client(resolve(stage.registry)) as session:
            document, _ = get_json(session, f"{path}/latest")
        return path, document


def _with(field: dict[str, Any]) -> Change:
    return lambda schema: {**schema, "fields": [*schema["fields"], field]}


def _without(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "fields": [f for f in schema["fields"] if f["name"] != REMOVED]}


WITH_DEFAULT = RegisteredSchema(
    "field_with_default",
    "A field with a default is added to the schema",
    _with({"name": FIELD, "type": ["null", "string"], "default": None}),
    is_taken=True,
)
WITHOUT_DEFAULT = RegisteredSchema(
    "field_without_default",
    "A field without a default is added, which the registry must refuse",
    _with({"name": FIELD, "type": "string"}),
    is_taken=False,
)
FIELD_REMOVED = RegisteredSchema("field_removed", "A field is removed from the schema", _without, is_taken=True)


def schemas() -> Iterator[Scenario]:
    """Yield the scenarios."""
    yield _of_topic(WITH_DEFAULT, drift(TOPIC, "schema", "added"))
    yield _of_topic(FIELD_REMOVED, drift(TOPIC, "schema", "dropped"))
    yield _of_topic(WITHOUT_DEFAULT)


def _of_topic(fault: RegisteredSchema, *findings: ExpectedFinding) -> Scenario:
    return Scenario(
        name=fault.name,
        description=fault.description,
        fault=fault,
        target=TOPIC,
        area=STAGES,
        expects=lambda injury: Expectation(findings),
        alone=True,
    )
