"""The component ``pipeline_checks.VerifiedPipeline``: a pipeline declared in YAML."""

from collections.abc import Mapping
from typing import Annotated, Any

import dagster as dg

from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.orchestration.build import build_pipeline_definitions
from pipeline_checks.verification.definition import FIELDS, build_pipeline
from pipeline_checks.verification.places import Locate, Path


def _pipeline(context: dg.ResolutionContext, model: Any) -> Pipeline:
    """Build the pipeline from the fields as they were written, so that problems are told with their own lines."""
    written = {field: getattr(model, field) for field in FIELDS if field in model.model_fields_set}
    return build_pipeline(written, _locate(context))


def _as_written(context: dg.ResolutionContext, value: Any) -> Any:
    return value


def _written(model_field_type: Any, description: str) -> dg.Resolver:
    """A field that is taken as it was written, and read with the pipeline."""
    return dg.Resolver(
        _as_written, model_field_type=model_field_type, inject_before_resolve=False, description=description
    )


def _locate(context: dg.ResolutionContext) -> Locate:
    tree = context.source_position_tree

    def locate(path: Path) -> tuple[str, int | None]:
        if tree is None:
            return "", None
        position, _ = tree.lookup_closest_and_path(path, trace=None)
        return position.filename, position.start.line

    return locate


class VerifiedPipeline(dg.Component, dg.Model, dg.Resolvable):
    """A pipeline whose stages are assets and whose promises are asset checks."""

    name: str
    description: str = ""
    flow: str | None = None
    seed: str | None = None
    scenarios: str | None = None
    engine: Annotated[
        Mapping[str, Any] | None,
        _written(
            dict[str, Any] | None,
            "What reads the rows of lake tables: `spark: sc://HOST:PORT`, or `{env: NAME}` of that.",
        ),
    ] = None
    alerts: Annotated[
        Mapping[str, Any] | None,
        _written(
            dict[str, Any] | None,
            "Who is told of what: channels, verdicts, mutes; the console where nothing is written.",
        ),
    ] = None
    owners: Annotated[
        Any,
        _written(list[str] | str | None, "Who answers for it: mail addresses, or `team:NAME`."),
    ] = None
    contracts: Annotated[
        Mapping[str, Any],
        _written(dict[str, Any], "Contracts that several stages share, by name."),
    ] = {}
    stages: Annotated[
        Any,
        dg.Resolver.from_model(
            _pipeline,
            model_field_type=list[dict[str, Any]],
            inject_before_resolve=False,
            description="The stages, each behind those it is made from; `for_each` repeats a list of them.",
        ),
    ]

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the assets, checks, jobs and resources of the pipeline."""
        return build_pipeline_definitions(self.stages)
