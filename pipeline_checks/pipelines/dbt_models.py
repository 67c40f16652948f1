"""The dbt project of a pipeline: where it lies, how it finds its warehouse, and how a run of it is recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pipeline_checks.model.pipeline import Pipeline

Artifact = Mapping[str, Any]
"""What dbt writes into ``run_results.json``."""


@dataclass(frozen=True)
class DbtModels:
    """The models that a pipeline builds with dbt.

    Parameters
    ----------
    project:
        The folder of ``dbt_project.yml`` and ``profiles.yml``.
    manifest:
        What dbt made of the project, kept beside it so that it need not be parsed to show its assets.
    environment:
        Returns the variables that ``profiles.yml`` reads; asked when dbt is run.
    building:
        Is entered around a run of all models, and given what became of each command: its input stands still meanwhile,
        and the run is recorded when it ends.
    """

    project: Path
    manifest: Path
    environment: Callable[[], Mapping[str, str]]
    building: Callable[[], AbstractContextManager[Callable[[Artifact], None]]]


def dbt_models_of(pipeline: Pipeline) -> DbtModels | None:
    """Return the dbt models of a pipeline: those of the module ``models`` beside its flow; None where it has none."""
    if pipeline.flow is None or "." not in pipeline.flow:
        return None
    name = f"{pipeline.flow.rpartition('.')[0]}.models"
    if find_spec(name) is None:
        return None
    found: DbtModels | None = import_module(name).dbt_models()
    return found
