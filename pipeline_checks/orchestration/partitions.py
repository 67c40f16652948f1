"""Partitions of stages in Dagster: an asset beside the stage's own, with checks of each partition, and a sensor.

The stage's own asset stays whole, as a verification at a cut is of all rows. Its partitions are an asset of their own,
``[pipeline, stage, "partitions"]``: materializing one judges it, so that a backfill judges many.
"""

import json
from collections.abc import Iterator
from typing import Any

import dagster as dg

from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.model.partitions import PartitionsDeclaration
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.orchestration import metadata
from pipeline_checks.orchestration.names import asset_key, icons
from pipeline_checks.orchestration.verdicts import facts_of
from pipeline_checks.verification.partitions import judge_partition, kinds_of, partition_rows
from pipeline_checks.verification.watch.environment import has_environment
from pipeline_checks.verification.watch.positions import Positions, is_away

INTERVAL_SECONDS = 30
MOST_REQUESTS = 50
"""Partitions for which one tick asks; the others are found to differ by the next."""


def partitions_key(pipeline: str, stage: str) -> dg.AssetKey:
    """Return the key of the asset of a stage's partitions."""
    return dg.AssetKey([*asset_key(pipeline, stage).path, "partitions"])


def partition_assets(pipeline: Pipeline) -> list[dg.AssetsDefinition]:
    """Return the asset of partitions of each stage that declares them."""
    return [_asset(pipeline, s, s.partitions) for s in pipeline.stages if s.partitions is not None]


def partitions_sensor(pipeline: Pipeline) -> dg.SensorDefinition | None:
    """Return the sensor ``<pipeline>_partitions``, None when no stage has partitions.

    When a stage has moved, each partition whose rows are not as many as before is judged anew: late data opens a
    partition again. It is off until somebody turns it on, as each partition is a run.
    """
    stages = [s for s in pipeline.stages if s.partitions is not None]
    if not stages:
        return None
    positions = Positions()

    @dg.sensor(
        name=f"{pipeline.name}_partitions",
        asset_selection=dg.AssetSelection.assets(*(partitions_key(pipeline.name, s.name) for s in stages)),
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=f"Judges partitions of {pipeline.name} that got or lost rows.",
    )
    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        if not has_environment(pipeline):
            return dg.SensorResult(skip_reason=f"the services of {pipeline.name} are not up", cursor=context.cursor)
        known: dict[str, Any] = json.loads(context.cursor) if context.cursor else {}
        found = positions.read([(pipeline.name, s) for s in stages])
        requests: list[dg.RunRequest] = []
        for stage in stages:
            position, before = found[pipeline.name, stage.name], known.get(stage.name, {"position": None, "rows": {}})
            if position is None or is_away(position) or position == before["position"]:
                continue
            try:
                rows = partition_rows(stage)
            except PipelineChecksError as problem:
                context.log.warning(f"{stage.name}: {problem}")
                continue
            differing = sorted(n for n in {*rows, *before["rows"]} if rows.get(n, 0) != before["rows"].get(n, 0))
            asked = differing[: MOST_REQUESTS - len(requests)]
            requests += [_request(pipeline, stage, name, rows.get(name, 0), position) for name in asked]
            known[stage.name] = {
                "position": position if asked == differing else None,
                "rows": {**before["rows"], **{name: rows.get(name, 0) for name in asked}},
            }
        skipped = None if requests else "no partition has got or lost rows"
        return dg.SensorResult(run_requests=requests, cursor=json.dumps(known, sort_keys=True), skip_reason=skipped)

    return look


def _request(pipeline: Pipeline, stage: StageDeclaration, name: str, rows: int, position: Any) -> dg.RunRequest:
    where = json.dumps(position, separators=(",", ":"), sort_keys=True)
    return dg.RunRequest(
        run_key=f"{pipeline.name}/{stage.name}/{name}@{where}",
        asset_selection=[partitions_key(pipeline.name, stage.name)],
        partition_key=name,
        tags={"pipeline_checks/partition_rows": str(rows)},
    )


def _asset(pipeline: Pipeline, stage: StageDeclaration, declared: PartitionsDeclaration) -> dg.AssetsDefinition:
    key, partitions = partitions_key(pipeline.name, stage.name), _partitions(declared)
    spec = dg.AssetSpec(
        key,
        deps=[asset_key(pipeline.name, stage.name)],
        description=f"Partitions of {stage.name} by {declared.column}; materializing one judges it.",
        group_name=pipeline.name,
        kinds=icons(stage),
        partitions_def=partitions,
    )
    checks = [dg.AssetCheckSpec(kind, asset=key, partitions_def=partitions) for kind in kinds_of(stage)]

    @dg.multi_asset(
        name=f"partitions__{pipeline.name}__{stage.name}", specs=[spec], check_specs=checks, partitions_def=partitions
    )
    def judge(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        result = judge_partition(pipeline, stage.name, context.partition_key)
        (settled,) = result.stages
        # Whether the stage covers a cut is not known of a partition, and not told.
        shown = ("position", "rows", "rows_grade", "dagster/row_count", "problem")
        facts = {name: value for name, value in metadata.of_stage(settled).items() if name in shown}
        yield dg.MaterializeResult(asset_key=key, metadata=facts)
        for check in result.checks:
            yield dg.AssetCheckResult(check_name=check.check, asset_key=key, **facts_of(check, settled, blocking=False))

    return judge


def _partitions(declared: PartitionsDeclaration) -> dg.PartitionsDefinition[Any]:
    if declared.start is None:
        return dg.StaticPartitionsDefinition(list(declared.values))
    # Today's partition is there while the day goes on.
    return dg.DailyPartitionsDefinition(start_date=str(declared.start), timezone="UTC", end_offset=1)
