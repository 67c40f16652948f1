"""The modules that a pipeline names: its services, its seed data and its scenarios."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol, cast

from pipeline_checks.clients.spark_connect import URL_VARIABLE
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.secret import EnvironmentVariable

if TYPE_CHECKING:
    from datetime import datetime
    from types import ModuleType

    from pipeline_checks.faults.expectation import Expectation
    from pipeline_checks.faults.fault import Fault
    from pipeline_checks.faults.scenario import Scenario
    from pipeline_checks.stack.service import Service
    from pipeline_checks.stack.status import ServiceState


Progress = Callable[[str, int], None]
"""Called with what is written (a table, a kind of change) and how many so far."""


class Summary(Protocol):
    """What a seed or live changes wrote."""

    def expected_counts(self) -> dict[str, int]:
        """Return how many rows each captured table must hold when nobody else writes."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        ...


class SeedModule(Protocol):
    """What the module named by ``Pipeline.seed`` holds."""

    def seed(self, rows: int, seed: int, scenario: str = "default", progress: Progress | None = None) -> Summary:
        """Write seed rows into the source; equal seeds give equal rows."""
        ...

    def is_empty(self) -> bool:
        """Whether the source holds no rows."""
        ...

    def change(self, seed: int, *, progress: Progress | None = None) -> Summary:
        """Change rows in known numbers: updates, deletes, key changes, transactions over several tables."""
        ...


def services_of(pipelines: Iterable[Pipeline]) -> list[Service]:
    """Return the services that the pipelines run on, each once; a pipeline without a flow has none.

    A Spark Connect server is one of them where a pipeline's engine is ``{spark: {env: SPARK_CONNECT_URL}}``.
    """
    found: dict[str, Service] = {}
    for pipeline in pipelines:
        if pipeline.flow is not None:
            found.update({s.name: s for s in _module(pipeline, "flow", pipeline.flow).services()})
        if pipeline.engine is not None and pipeline.engine.spark == EnvironmentVariable(env=URL_VARIABLE):
            from pipeline_checks.stack.services.spark_connect import spark_connect

            found[spark_connect().name] = spark_connect()
    return list(found.values())


def own_services_of(pipeline: Pipeline, pipelines: Iterable[Pipeline]) -> list[Service]:
    """Return the services of a pipeline that none of the other ``pipelines`` uses and that are not shared ones."""
    from pipeline_checks.stack.services import shared

    others = services_of(p for p in pipelines if p.name != pipeline.name)
    common = {s.name for s in (*shared(), *others)}
    return [s for s in services_of([pipeline]) if s.name not in common]


def states_of(
    pipelines: Sequence[Pipeline], status: Callable[[list[Service]], Sequence[ServiceState]]
) -> list[ServiceState]:
    """Return the services of the pipelines that have been brought up, and whatever else runs; all where none has been.

    A pipeline has been brought up when one of its own services is configured (a stack that is wholly down has none).
    ``status`` gives the states of services.
    """
    needed = [{s.name for s in services_of([p])} for p in pipelines]
    own = [{s.name for s in own_services_of(p, pipelines)} for p in pipelines]
    states = list(status(services_of(pipelines)))
    seen = {s.name for s in states if s.state != "absent"}
    up = [names for names, alone in zip(needed, own, strict=True) if alone & seen]
    return [s for s in states if not up or s.name in seen or any(s.name in names for names in up)]


def seed_of(pipeline: Pipeline) -> SeedModule:
    """Return the pipeline's seed module; raises ConfigurationError when it names none."""
    if pipeline.seed is None:
        raise ConfigurationError(
            f"pipeline {pipeline.name!r} has no seed data.",
            next_step="Name a module in the field `seed` of its defs.yaml.",
        )
    return cast(SeedModule, _module(pipeline, "seed", pipeline.seed))


def scenarios_of(pipeline: Pipeline) -> list[Scenario]:
    """Return the pipeline's scenarios, none when it names no module that holds them."""
    if pipeline.scenarios is None:
        return []
    return list(_module(pipeline, "scenarios", pipeline.scenarios).scenarios())


def at_rest_of(pipeline: Pipeline) -> Expectation:
    """Return what the checks may say while nothing is damaged, where a pipeline's scenarios tell more than to pass."""
    from pipeline_checks.faults.expectation import Expectation

    if pipeline.scenarios is None:
        return Expectation()
    told = getattr(_module(pipeline, "scenarios", pipeline.scenarios), "at_rest", None)
    return Expectation() if told is None else cast(Expectation, told())


def stored_alerts_of(pipeline: Pipeline, since: datetime) -> Sequence[Mapping[str, Any]]:
    """Return the alerts that a pipeline's own service raised at ``since`` or later, none where it keeps none.

    That is the module ``stored_alerts`` beside the pipeline's flow: ``stored_alerts(since)`` returns mappings with
    ``id``, ``kind``, ``message`` and ``run_id``.
    """
    if pipeline.flow is None or "." not in pipeline.flow:
        return []
    name = f"{pipeline.flow.rpartition('.')[0]}.stored_alerts"
    if find_spec(name) is None:
        return []
    found: Sequence[Mapping[str, Any]] = import_module(name).stored_alerts(since)
    return found


def faults_of(pipeline: Pipeline) -> dict[str, Fault]:
    """Return every fault by name: those that any pipeline can have, and those of the pipeline's own scenarios."""
    from pipeline_checks.faults.catalogue import FAULTS

    return {**{s.fault.name: s.fault for s in scenarios_of(pipeline)}, **FAULTS}


def fault_of(pipeline: Pipeline, name: str) -> Fault:
    """Return the fault of that name; raises ConfigurationError listing the names when there is none."""
    known = faults_of(pipeline)
    if name not in known:
        raise ConfigurationError(f"there is no fault {name!r}.", next_step=f"Known: {', '.join(known)}.")
    return known[name]


def _module(pipeline: Pipeline, field: str, name: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as problem:
        if problem.name is not None and not name.startswith(problem.name):
            raise ConfigurationError(
                f"the {field} of pipeline {pipeline.name!r} needs {problem.name!r}, which is not installed.",
                next_step="Install it: pip install 'pipeline-checks[stack]'.",
            ) from problem
        raise ConfigurationError(
            f"the {field} of pipeline {pipeline.name!r} names the module {name!r}, which does not exist.",
            next_step=f"Correct the field `{field}` of its defs.yaml.",
        ) from problem
