"""The main job: services up, source seeded, rows changed while data moves, every stage verified."""

from __future__ import annotations

from pipeline_checks.cli.output import counting, progress
from pipeline_checks.cli.services import tell
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import RunResult
from pipeline_checks.pipelines.parts import Summary, seed_of, services_of
from pipeline_checks.stack.providers import provider as provider_named
from pipeline_checks.verification.run import Options, run_checks


def run(
    pipeline: Pipeline, rows: int, seed: int, provider: str | None, *, deadline: float | None, keep: bool
) -> RunResult:
    """Run the main job of a pipeline and return its verdicts.

    Parameters
    ----------
    rows, seed:
        How many rows a table is seeded with when the source is empty, and what their values follow from.
    deadline:
        Seconds to wait for stages to settle, instead of what each declares.
    keep:
        Leave the services up; otherwise they are stopped, whatever happens.
    """
    services = services_of([pipeline])
    source = provider_named(provider)
    try:
        if services:
            source.up(services, tell)
        if pipeline.seed is not None:
            _move(pipeline, rows, seed)
        return run_checks(pipeline, options=Options(deadline=deadline, progress=progress))
    finally:
        if services and not keep:
            source.down(report=tell)


def _move(pipeline: Pipeline, rows: int, seed: int) -> None:
    module = seed_of(pipeline)
    if module.is_empty():
        progress(f"seeding at least {rows} rows a table")
        _say("seeded", module.seed(rows, seed, progress=counting))
    progress("changing rows while the data moves")
    _say("expected after the changes", module.change(seed, progress=counting))


def _say(what: str, summary: Summary) -> None:
    counts = ", ".join(f"{table} {count:,}" for table, count in summary.expected_counts().items())
    progress(f"{what}: {counts}")
