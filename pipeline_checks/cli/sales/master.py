"""``sales-master``: all categories of tests of the sales pipeline in one call, with one report over them."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline_checks.cli import exits
from pipeline_checks.cli.sales.options import CONTEXT, TESTS, common, configured, end

_FUNCTIONAL = ("happy_path", "data_quality", "edge_cases")


@click.command(name="sales-master", context_settings=CONTEXT)
@click.option("--all", "everything", is_flag=True, help="All categories; so it is when none is named.")
@click.option("--pipeline-only", is_flag=True, help="The tests of the pipeline.")
@click.option("--performance", is_flag=True, help="The tests of many rows.")
@click.option("--error-scenarios", is_flag=True, help="The injected faults.")
@click.option("--benchmarks", "benchmark", is_flag=True, help="Workloads of growing size.")
@click.option("--record-count", type=click.IntRange(min=1), help="Lines of each test and of the largest workload.")
@common
def command(
    everything: bool,
    pipeline_only: bool,
    performance: bool,
    error_scenarios: bool,
    benchmark: bool,
    record_count: int | None,
    config: Path | None,
    output_dir: Path,
    log_level: str | None,
    no_cleanup: bool,
) -> int:
    """Run the categories and write master_test_report.json over them.

    Exits 0 when everything passed, 1 when something did not, 2 for a wrong setting, 3 when it could not be run.

    \b
    Example:
      sales-master --pipeline-only --record-count 1000 --output-dir reports
    """
    from pipeline_checks.cli.output import write_json
    from pipeline_checks.cli.sales.categories import Category, benchmarks, faults, faults_named, pipeline_tests
    from pipeline_checks.cli.sales.services import running_services
    from pipeline_checks.model.clock import now
    from pipeline_checks.pipelines.sales.artifacts.reports import Call, master_report
    from pipeline_checks.pipelines.sales.artifacts.schemas import require_valid
    from pipeline_checks.pipelines.sales.benchmark import SIZES

    chosen = (pipeline_only, performance, error_scenarios, benchmark)
    wanted = chosen if any(chosen) and not everything else (True,) * len(chosen)
    configuration = configured(config, log_level)
    began = now()
    done: list[Category] = []
    with running_services(configuration, cleanup=not no_cleanup) as stack:
        tests = [t for t in TESTS if (wanted[0] and t in _FUNCTIONAL) or (wanted[1] and t not in _FUNCTIONAL)]
        if tests:
            done.append(pipeline_tests(stack, tests, record_count, configuration, output_dir))
        if wanted[2]:
            done.append(faults(stack, faults_named(()), output_dir / "error_scenario_report.json"))
        if wanted[3]:
            sizes = [s for s in SIZES if record_count is None or s <= record_count] or [record_count or SIZES[0]]
            done.append(benchmarks(sizes, output_dir))
        stack.passed = all(all(c.passed) for c in done)
    settings = configuration.model_dump(mode="json", exclude={"infrastructure": {"test_db_password"}})
    report = master_report({c.name: c.to_json() for c in done}, Call(began, now()), settings)
    require_valid(report, "master_test_report")
    write_json(report, str(output_dir / "master_test_report.json"))
    return exits.PASSED if stack.passed else exits.FAILED


def main() -> None:
    """Run the command and exit with its code."""
    end(command, "sales-master")
