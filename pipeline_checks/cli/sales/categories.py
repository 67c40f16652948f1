"""What the commands run: tests of the pipeline, injected faults, benchmarks; each writes its report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline_checks.cli.output import progress, write_json
from pipeline_checks.model.clock import monotonic, now
from pipeline_checks.model.errors import ConfigurationError

if TYPE_CHECKING:
    from pipeline_checks.cli.sales.services import RunningPipeline
    from pipeline_checks.faults.scenario import Scenario
    from pipeline_checks.pipelines.sales.flow.configuration.model import Configuration
    from pipeline_checks.pipelines.sales.running.outcome import RunOutcome

_BASELINE = "performance_baseline.json"


@dataclass(frozen=True)
class Category:
    """One category of a call: how many of its tests passed, and its report."""

    name: str
    passed: tuple[bool, ...]
    report: Path

    def to_json(self) -> dict[str, Any]:
        """Return the category as the master report shows it."""
        from pipeline_checks.pipelines.sales.artifacts.reports import overall

        return {**overall(self.passed), "report": str(self.report)}


def pipeline_tests(
    stack: RunningPipeline, tests: Sequence[str], rows: int | None, configuration: Configuration, output: Path
) -> Category:
    """Run tests of the pipeline one after the other; writes the pipeline's report and that of its performance."""
    from pipeline_checks.pipelines.sales.artifacts.reports import Call, pipeline_report
    from pipeline_checks.pipelines.sales.running.one_run import PipelineRun

    began = now()
    root = Path(configuration.test_data.artifacts_directory)
    outcomes: list[RunOutcome] = []
    for number, test in enumerate(tests):
        run = PipelineRun(stack.pipeline, stack.provider, test, rows, 42 + number, root, say=progress)
        outcomes.append(run.run())
        click.echo(_line(outcomes[-1]))
    call = Call(began, now())
    settings = configuration.model_dump(mode="json", exclude={"infrastructure": {"test_db_password"}})
    report = pipeline_report([o.to_json() for o in outcomes], call, settings)
    path = _written(output, "pipeline_test_report", report)
    _performance(outcomes, output)
    return Category("pipeline", tuple(o.success for o in outcomes), path)


def faults_named(names: Sequence[str]) -> list[Scenario]:
    """Return the faults of these names, all when none is named; raises ConfigurationError when there is none of one."""
    from pipeline_checks.pipelines.parts import scenarios_of
    from pipeline_checks.pipelines.sales.seed.scenarios import DATA_SETS, EDGE_FILES
    from pipeline_checks.verification.discovery import load_pipeline

    data_sets = {*DATA_SETS, EDGE_FILES}
    known = {s.name: s for s in scenarios_of(load_pipeline("sales")) if s.fault.name not in data_sets}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigurationError(f"there is no fault {unknown[0]!r}.", next_step=f"There are: {', '.join(known)}.")
    return [known[name] for name in names] or list(known.values())


def faults(stack: RunningPipeline, chosen: Sequence[Scenario], file: Path) -> Category:
    """Inject faults and write what came of each."""
    from pipeline_checks.pipelines.sales.artifacts.reports import fault_report
    from pipeline_checks.scenarios.runner import ScenarioRunner

    began = monotonic()
    _seed_when_empty()
    outcomes = ScenarioRunner(stack.pipeline, progress).run(chosen)
    for outcome in outcomes:
        what = "exact" if outcome.exact else outcome.differences[0]
        click.echo(f"{outcome.scenario.name}: {what} ({outcome.seconds:.1f} s)")
    report = fault_report([o.to_json() for o in outcomes], now(), monotonic() - began)
    path = _written(file.parent, "error_scenario_report", report, file.name)
    return Category("error_scenarios", tuple(o.exact for o in outcomes), path)


def benchmarks(sizes: Sequence[int], output: Path) -> Category:
    """Measure workloads of these sizes and write the report; each passes that arrived whole."""
    from pipeline_checks.pipelines.sales.benchmark import run

    report = run(sizes, progress)
    for one in report["results"]:
        click.echo(f"{one['workload_size']} rows in {one['duration_seconds']:.1f} s: {one['throughput']} rows/s")
    path = _written(output, "benchmark_report", report)
    return Category("benchmarks", tuple(one["throughput"] is not None for one in report["results"]), path)


def _seed_when_empty() -> None:
    from pipeline_checks.pipelines.sales.seed.source import is_empty, seed

    if is_empty():
        seed(None, 42, "error_recovery")


def _performance(outcomes: Sequence[RunOutcome], output: Path) -> None:
    """Write the performance of the last verified run, against the baseline that an earlier call left in the folder."""
    import json

    from pipeline_checks.pipelines.sales.monitoring.analysis import baseline_of
    from pipeline_checks.pipelines.sales.monitoring.report import performance_report

    whole = [o for o in outcomes if o.components and o.result is not None]
    if not whole:
        return
    file = output / f"{whole[-1].test}_{_BASELINE}"
    baseline = json.loads(file.read_bytes()) if file.exists() else None
    report = performance_report(whole[-1].components, now(), baseline)
    _written(output, "performance_test_report", report)
    if baseline is None:
        write_json(baseline_of(whole[-1].components), str(file))


def _written(folder: Path, name: str, document: dict[str, Any], file: str | None = None) -> Path:
    from pipeline_checks.pipelines.sales.artifacts.schemas import require_valid

    require_valid(document, name)
    path = folder / (file or f"{name}.json")
    write_json(document, str(path))
    return path


def _line(outcome: RunOutcome) -> str:
    what = "passed" if outcome.success else f"failed: {outcome.problems[0]}"
    return f"{outcome.test}: {what} ({outcome.seconds:.1f} s), artifacts in {outcome.artifacts}"
