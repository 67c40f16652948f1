"""What the program that runs dbt tells of itself as Prometheus metrics; all names begin with ``sales_dbt_``."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from pipeline_checks.pipelines.sales.flow.transforming.commands import CommandOutcome
from pipeline_checks.pipelines.sales.flow.transforming.runs import Run

_SECONDS = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


class DbtMetrics:
    """The metrics of one program."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._runs = Counter("sales_dbt_runs", "Runs of dbt", ["outcome"], registry=registry)
        self._seconds = Histogram("sales_dbt_run_seconds", "Seconds of a run", buckets=_SECONDS, registry=registry)
        self._command = Gauge("sales_dbt_command_seconds", "Seconds of the last", ["command"], registry=registry)
        self._model = Gauge("sales_dbt_model_seconds", "Seconds of the last", ["model"], registry=registry)
        self._failures = Gauge("sales_dbt_test_failures", "Rows that break a test", ["test"], registry=registry)
        self._covered = Gauge("sales_dbt_covered_load", "Newest load that the marts hold", registry=registry)
        self._newest = Gauge("sales_dbt_newest_load", "Newest load of the raw tables", registry=registry)
        self._errors = Counter("sales_dbt_unreachable", "Times the warehouse was not reached", registry=registry)
        for outcome in ("success", "tests_failed", "error"):
            self._runs.labels(outcome)

    def count(self, run: Run) -> None:
        """Count a run that was recorded."""
        outcome = "success" if run.success else "tests_failed" if run.built and run.error is None else "error"
        self._runs.labels(outcome).inc()
        self._seconds.observe(run.seconds)
        self._failures.clear()
        for test in run.tests:
            if test.failures:
                self._failures.labels(test.name).set(test.failures)

    def command(self, outcome: CommandOutcome) -> None:
        """Note how long a command and its models took."""
        self._command.labels(outcome.command).set(outcome.seconds)
        for node in outcome.nodes:
            if node.kind == "model":
                self._model.labels(node.name).set(node.seconds)

    def loads(self, newest: int, covered: int) -> None:
        """Note what is loaded and what of it the marts hold."""
        self._newest.set(newest)
        self._covered.set(covered)

    def unreachable(self) -> None:
        """Count that the warehouse was not reached."""
        self._errors.inc()
