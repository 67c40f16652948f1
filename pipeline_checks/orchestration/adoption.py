"""Checks for assets that exist already in somebody's Dagster project."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import dagster as dg

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.orchestration.checks import stage_checks
from pipeline_checks.orchestration.names import session_resource
from pipeline_checks.orchestration.session_resource import session_resource_of
from pipeline_checks.verification.definition import build_pipeline, check_pipeline
from pipeline_checks.verification.discovery import load_pipeline

Asset: TypeAlias = dg.AssetsDefinition | dg.AssetSpec | dg.SourceAsset | dg.AssetKey | str | Sequence[str]
"""An asset of a project, or its key: as text ``a/b``, as the UI shows it."""

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_]+")


class _Adopted:
    """The stages of one pipeline whose checks hang on assets of others, and the resource that those checks share."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.keys: dict[str, dg.AssetKey] = {}
        self.resource = session_resource_of(pipeline, self.keys)


_adopted: dict[str, _Adopted] = {}
"""By the name of the pipeline: definitions that are merged must have one and the same resource."""


def checks_for(
    asset: Asset, stage: StageDeclaration | Mapping[str, Any] | str, pipeline: Pipeline | str | None = None
) -> dg.Definitions:
    """Return the checks of a stage for an asset that exists already; merge them with the project's definitions.

    The asset stays as it is: its own op makes it, and its checks run behind that. Checks of several stages of one
    pipeline are judged at one cut when they run in one process.

    Parameters
    ----------
    asset:
        The asset, its spec, or its key.
    stage:
        What the asset holds: a declaration, or the same as a mapping with the fields of a ``defs.yaml`` (``kind``,
        ``path``, ``contract``, ...); then it is a pipeline of its own, judged by itself. Or the name of a stage of
        ``pipeline``, whose other stages are read to judge this one.
    pipeline:
        A pipeline, or the name of one that a ``defs.yaml`` of the project declares.

    Raises
    ------
    ConfigurationError
        When the declaration cannot work, the asset has several keys, or there is no such pipeline or stage.
    """
    key = _key(asset)
    declared, name = _declared(key, stage, pipeline)
    check_pipeline(declared)
    known = [s.name for s in declared.stages]
    if name not in known:
        raise ConfigurationError(
            f"pipeline {declared.name!r} has no stage {name!r}.", next_step=f"Its stages are: {', '.join(known)}."
        )
    adopted = _adopted.get(declared.name)
    if adopted is None or adopted.pipeline != declared:
        adopted = _adopted[declared.name] = _Adopted(declared)
    adopted.keys[name] = key
    found = stage_checks(declared, declared.stage(name), key)
    return dg.Definitions(
        asset_checks=[found] if found is not None else [],
        resources={session_resource(declared.name): adopted.resource},
    )


def _key(asset: Asset) -> dg.AssetKey:
    if isinstance(asset, dg.AssetsDefinition):
        if len(asset.keys) != 1:
            raise ConfigurationError(
                f"{asset.node_def.name} makes {len(asset.keys)} assets.", next_step="Name the key of one of them."
            )
        return asset.key
    if isinstance(asset, dg.AssetSpec | dg.SourceAsset):
        return asset.key
    return dg.AssetKey.from_user_string(asset) if isinstance(asset, str) else dg.AssetKey.from_coercible(asset)


def _declared(
    key: dg.AssetKey, stage: StageDeclaration | Mapping[str, Any] | str, pipeline: Pipeline | str | None
) -> tuple[Pipeline, str]:
    """The pipeline that is judged, and the name of the stage in it."""
    if isinstance(stage, str):
        if pipeline is None:
            raise ConfigurationError(
                f"of which pipeline {stage!r} is a stage was not said.",
                next_step="Name it: checks_for(asset, stage, pipeline), or declare the stage.",
            )
        return (load_pipeline(pipeline) if isinstance(pipeline, str) else pipeline), stage
    if pipeline is not None:
        raise ConfigurationError("a stage that is declared here is none of a pipeline.", next_step="Name the stage.")
    own = _NOT_IN_A_NAME.sub("_", "_".join(key.path))
    if isinstance(stage, StageDeclaration):
        return Pipeline(name=own, stages=(stage,)), stage.name
    name = str(stage.get("name", _NOT_IN_A_NAME.sub("_", key.path[-1])))
    return build_pipeline({"name": own, "stages": [{"name": name, **stage}]}, path=(f"checks_for({own})",)), name
