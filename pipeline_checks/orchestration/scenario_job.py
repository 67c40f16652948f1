"""The job that damages a pipeline on purpose and compares what is found with what must be."""

from typing import Any

import dagster as dg

from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.pipelines.parts import scenarios_of
from pipeline_checks.scenarios.matrix import render
from pipeline_checks.scenarios.outcome import document
from pipeline_checks.scenarios.runner import ScenarioRunner


class ScenarioConfig(dg.Config):
    """Which scenarios are run; all of them when none is named."""

    scenarios: list[str] = []


def scenario_job(pipeline: Pipeline) -> dg.JobDefinition | None:
    """Return ``<pipeline>_scenario``, None when the pipeline has no scenarios.

    The services must be up and the source must hold rows; nobody else may write meanwhile.
    """
    if pipeline.scenarios is None:
        return None

    @dg.op(
        name=f"{pipeline.name}_run_scenarios",
        description=f"Damage {pipeline.name}, verify, compare the findings with the expected ones, and undo it.",
    )
    def run_scenarios(context: dg.OpExecutionContext, config: ScenarioConfig) -> None:
        known = {s.name: s for s in scenarios_of(pipeline)}
        unknown = [name for name in config.scenarios if name not in known]
        if unknown:
            raise dg.Failure(f"there is no scenario {unknown[0]!r}; known: {', '.join(known)}", allow_retries=False)
        chosen = [known[name] for name in config.scenarios] or list(known.values())
        try:
            outcomes = ScenarioRunner(pipeline, context.log.info).run(chosen)
        except PipelineChecksError as problem:
            metadata: Any = {"next_step": problem.next_step}
            raise dg.Failure(problem.message, metadata=metadata, allow_retries=False) from problem
        found = document(pipeline.name, outcomes)
        context.add_output_metadata({"matrix": dg.MetadataValue.md(render(found)), "exact": found["exact"]})
        wrong = [f"{o.scenario.name}: {o.differences[0]}" for o in outcomes if not o.exact]
        if wrong:
            raise dg.Failure(
                "; ".join(wrong), metadata={"scenarios": dg.MetadataValue.json(found)}, allow_retries=False
            )

    @dg.job(name=f"{pipeline.name}_scenario", executor_def=dg.in_process_executor)
    def scenario() -> None:
        run_scenarios()

    return scenario
