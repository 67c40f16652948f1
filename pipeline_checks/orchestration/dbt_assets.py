"""The models of a pipeline's dbt project as assets of dagster-dbt, and their own tests as asset checks.

Where a stage of the pipeline is such a model, the model's asset stands for it: it has the stage's key, the stage's
checks hang on it, and materializing it runs dbt in place of waiting for the pipeline's own program to run it.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from pipeline_checks.clients.settings import home
from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.orchestration.names import asset_key
from pipeline_checks.pipelines.dbt_models import DbtModels, dbt_models_of

if TYPE_CHECKING:
    from dagster_dbt import DagsterDbtTranslator, DbtCliResource


@dataclass(frozen=True)
class ModelAssets:
    """The assets of the models of one pipeline, and which they are."""

    keys: frozenset[dg.AssetKey]
    definition: dg.AssetsDefinition


def model_assets(pipeline: Pipeline) -> ModelAssets | None:
    """Return the assets of the pipeline's dbt models, None where it has none or dagster-dbt is not installed."""
    models = dbt_models_of(pipeline)
    if models is None or find_spec("dagster_dbt") is None or find_spec("dbt") is None:
        return None
    from dagster_dbt import dbt_assets

    manifest = json.loads(models.manifest.read_bytes())

    @dbt_assets(manifest=manifest, name=f"dbt__{pipeline.name}", dagster_dbt_translator=_translator(pipeline))
    def build(context: dg.AssetExecutionContext) -> Iterator[Any]:
        os.environ.update(models.environment())  # dbt runs as a process of its own, and inherits them
        dbt = _resource(os.fspath(models.project))
        target = home() / "dbt" / pipeline.name
        try:
            yield from _Commands(context, dbt, models, target, len(build.keys)).events()
        except PipelineChecksError as problem:
            metadata: Any = {"next_step": problem.next_step}
            raise dg.Failure(problem.message, metadata=metadata) from problem

    return ModelAssets(frozenset(build.keys), build)


@dataclass(frozen=True)
class _Commands:
    """The commands of one op."""

    context: dg.AssetExecutionContext
    dbt: Any
    models: DbtModels
    target: Path
    of_all: int

    def events(self) -> Iterator[Any]:
        """Yield what Dagster is told.

        Models and tests apart: ``build`` leaves out the models behind a test that found something. Only a run of all
        models is recorded, as only that brings the tables to one age.
        """
        if len(self.context.selected_asset_keys) < self.of_all:
            if self.context.selected_asset_keys:
                yield from self._run("run", None)
            yield from self._tests(None)
            return
        with self.models.building() as record:
            yield from self._run("run", record)
            yield from self._tests(record)

    def _tests(self, record: Any) -> Iterator[Any]:
        if self.context.selected_asset_check_keys:
            yield from self._run("test", record)

    def _run(self, command: str, record: Any) -> Iterator[Any]:
        # A test that found something is a verdict of its check, not the end of the op.
        # One folder for all commands, in which dbt finds the project parsed.
        arguments = {"context": self.context, "target_path": self.target, "raise_on_error": command != "test"}
        invocation = self.dbt.cli([command], **arguments)
        yield from invocation.stream()
        if record is not None:
            record(invocation.get_artifact("run_results.json"))


def _resource(project: str) -> "DbtCliResource":
    from dagster_dbt import DbtCliResource
    from packaging.version import Version, parse

    class Dbt(DbtCliResource):
        """Knows its version without `dbt --version`, which asks a registry for newer ones."""

        @property
        def _cli_version(self) -> Version:
            return parse(version("dbt-core"))

    return Dbt(project_dir=project, profiles_dir=project, dbt_executable=_executable())


def _executable() -> str:
    """dbt of this environment, which need not be activated."""
    beside = Path(sys.executable).with_name("dbt")
    return str(beside) if beside.exists() else "dbt"


def _translator(pipeline: Pipeline) -> "DagsterDbtTranslator":
    from dagster_dbt import DagsterDbtTranslator

    tables = {str(getattr(s, "table", "")): s.name for s in pipeline.stages}

    class Translator(DagsterDbtTranslator):
        """Gives models and sources the keys of the stages that they are."""

        def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
            name = str(dbt_resource_props["name"])
            if dbt_resource_props["resource_type"] == "source":
                name = tables.get(f"{dbt_resource_props['schema']}.{name}", name)
            return asset_key(pipeline.name, name)

        def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
            return pipeline.name

        def get_asset_check_spec(self, *args: Any, **kwargs: Any) -> dg.AssetCheckSpec | None:
            """A test says what it found; it blocks nothing, as the pipeline's own checks do not."""
            spec = super().get_asset_check_spec(*args, **kwargs)
            return spec._replace(blocking=False) if spec is not None else None

    return Translator()
