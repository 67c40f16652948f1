"""The checks of a stage as one op, so that the stage is read once; every selected check gets its result."""

from collections.abc import Iterator, Sequence

import dagster as dg

from pipeline_checks.checks.registry import checks_of
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import CheckResult, StageResult
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.orchestration.names import asset_key, check_op, session_resource
from pipeline_checks.orchestration.run_report import report_link
from pipeline_checks.orchestration.session_resource import RunSession
from pipeline_checks.orchestration.verdicts import facts_of
from pipeline_checks.verification.session import not_evaluated


def check_specs(pipeline: Pipeline, stage: StageDeclaration, key: dg.AssetKey | None = None) -> list[dg.AssetCheckSpec]:
    """Return one spec for each kind of promise about the stage; ``key`` is the asset when it is not the stage's own."""
    return [
        dg.AssetCheckSpec(
            name=check.kind,
            asset=key or asset_key(pipeline.name, stage.name),
            description=_first_line(type(check).__doc__),
            blocking=stage.blocking,
        )
        for check in checks_of(stage)
    ]


def stage_checks(
    pipeline: Pipeline, stage: StageDeclaration, key: dg.AssetKey | None = None
) -> dg.AssetChecksDefinition | None:
    """Return the op that evaluates the checks of a stage, None when it has none."""
    specs = check_specs(pipeline, stage, key)
    if not specs:
        return None
    resource = session_resource(pipeline.name)

    @dg.multi_asset_check(
        name=check_op(pipeline.name, stage.name), specs=specs, can_subset=True, required_resource_keys={resource}
    )
    def check(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        run: RunSession = getattr(context.resources, resource)
        wanted = sorted(k.name for k in context.selected_asset_check_keys)
        results, settled = evaluate(run, stage, wanted)
        for result in results:
            facts = facts_of(result, settled, blocking=stage.blocking)
            facts["metadata"] |= report_link(pipeline.name, context.run.run_id)
            run.evaluated.add((stage.name, result.check))
            if stage.blocking and not facts["passed"]:
                run.blocked_by.append(f"{stage.name}.{result.check}")
            yield dg.AssetCheckResult(check_name=result.check, asset_key=specs[0].asset_key, **facts)

    return check


def evaluate(
    run: RunSession, stage: StageDeclaration, wanted: Sequence[str]
) -> tuple[list[CheckResult], StageResult | None]:
    """Return a result for each wanted check, whatever happens, and where the stage stood."""
    try:
        found = {r.check: r for r in run.session.evaluate(stage.name, wanted)}
        settled = next((s for s in run.session.result().stages if s.name == stage.name), None)
    except Exception as problem:  # a fault of ours must show as an ERROR of each check, not as a missing result
        reason = f"{type(problem).__name__}: {problem}"
        return [not_evaluated(stage.name, kind, reason) for kind in wanted], None
    missing = "the verification gave no result"
    return [found.get(kind) or not_evaluated(stage.name, kind, missing) for kind in wanted], settled


def _first_line(text: str | None) -> str | None:
    return text.strip().splitlines()[0] if text and text.strip() else None
