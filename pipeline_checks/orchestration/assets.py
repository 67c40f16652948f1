"""A stage as an asset: materializing it settles it."""

import json
from collections.abc import Iterator
from typing import Any

import dagster as dg

from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import StageResult
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.orchestration import metadata
from pipeline_checks.orchestration.delta import delta_metadata
from pipeline_checks.orchestration.names import asset_key, icons, session_resource, settle_op
from pipeline_checks.orchestration.run_report import report_link
from pipeline_checks.orchestration.session_resource import RunSession


def asset_spec(pipeline: Pipeline, stage: StageDeclaration) -> dg.AssetSpec:
    """Return what Dagster shows of a stage before anything ran."""
    known: dict[str, Any] = {"stage_kind": stage.kind, "row_meaning": stage.row_meaning if stage.holds_rows else "none"}
    if stage.contract.columns:
        promised = {name: (column.type, column.nullable) for name, column in stage.contract.columns.items()}
        known["dagster/column_schema"] = metadata.promised_columns(promised)
    if stage.contract.key:
        known["key"] = ", ".join(stage.contract.key)
    table = getattr(stage, "table", None)
    if isinstance(table, str):
        known["dagster/table_name"] = table
    return dg.AssetSpec(
        key=asset_key(pipeline.name, stage.name),
        deps=[asset_key(pipeline.name, name) for name in stage.from_],
        description=stage.description or None,
        group_name=pipeline.name,
        kinds=icons(stage),
        owners=pipeline.owners_of(stage),
        metadata=known,
    )


def stage_asset(pipeline: Pipeline, stage: StageDeclaration) -> dg.AssetsDefinition | dg.AssetSpec:
    """Return the asset of a stage; of an external one, which its owner moves, only its spec."""
    spec = asset_spec(pipeline, stage)
    if stage.external:
        return spec
    resource = session_resource(pipeline.name)

    @dg.multi_asset(name=settle_op(pipeline.name, stage.name), specs=[spec], required_resource_keys={resource})
    def settle(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        run: RunSession = getattr(context.resources, resource)
        result = run.session.settle(stage.name)
        facts = {
            **metadata.of_stage(result),
            **delta_metadata(stage, result),
            **report_link(pipeline.name, context.run.run_id),
        }
        yield dg.MaterializeResult(asset_key=spec.key, metadata=facts, data_version=data_version(result))

    return settle


def data_version(result: StageResult) -> dg.DataVersion | None:
    """Return the position as Dagster's data version, None when the stage has none now."""
    return None if result.position is None else dg.DataVersion(position_text(result))


def position_text(result: StageResult) -> str:
    """Return the position as compact JSON."""
    if result.position is None:
        return "unknown"
    return json.dumps(result.position.to_json(), separators=(",", ":"), sort_keys=True)
