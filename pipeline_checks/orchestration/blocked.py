"""Checks that Dagster did not run because a blocking one failed: reported as errors, never left out."""

from collections.abc import Collection, Iterable, Mapping

import dagster as dg

from pipeline_checks.checks.registry import checks_of
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.orchestration.names import asset_key
from pipeline_checks.orchestration.verdicts import outcome_of


def report_blocked(
    context: dg.InitResourceContext,
    pipeline: Pipeline,
    evaluated: Collection[tuple[str, str]],
    blocked_by: Iterable[str],
    adopted: Mapping[str, dg.AssetKey] | None = None,
) -> None:
    """Record an ERROR for each selected check of the run that has no result because another one blocked it.

    ``adopted`` are the assets on which the checks of stages hang, where these are not the assets of the stages.
    """
    culprits = sorted(set(blocked_by))
    run = context.run
    if not culprits or run is None or context.instance is None:
        return
    outcome = outcome_of(Verdict.ERROR, blocking=True)
    message = f"not evaluated: blocked by {', '.join(culprits)}"
    for stage in pipeline.stages:
        key = asset_key(pipeline.name, stage.name) if adopted is None else adopted.get(stage.name)
        if key is None:
            continue  # its checks hang on no asset
        for check in checks_of(stage):
            if (stage.name, check.kind) in evaluated or not _selected(run, key, check.kind):
                continue
            context.instance.report_runless_asset_event(
                dg.AssetCheckEvaluation(
                    asset_key=key,
                    check_name=check.kind,
                    passed=outcome.passed,
                    severity=outcome.severity,
                    description=message,
                    metadata={"verdict": str(Verdict.ERROR), "message": message, "run_id": run.run_id},
                )
            )


def _selected(run: dg.DagsterRun, key: dg.AssetKey, kind: str) -> bool:
    if run.asset_check_selection is not None:
        return dg.AssetCheckKey(key, kind) in run.asset_check_selection
    return not run.asset_selection or key in run.asset_selection  # empty: the whole job
