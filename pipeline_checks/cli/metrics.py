"""``pipeline-checks metrics``: what the ledger tells, for Prometheus."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline_checks.cli import exits
from pipeline_checks.cli.options import project_option
from pipeline_checks.cli.output import progress, write_text

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from pipeline_checks.reports.ledger_metrics import Checks, LedgerMetrics

DEFAULT_PORT = 9464


@click.command(name="metrics")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    envvar="METRICS_PORT",
    show_envvar=True,
    help="Where /metrics and /health are served; 0 takes any free port.",
)
@click.option("--once", "file", metavar="FILE|-", help="Write the metrics once instead, and end.")
@project_option
def command(port: int, file: str | None, project: Path | None) -> int:
    """Serve what the ledger tells to Prometheus: verdicts, findings, rows, lag, durations, alerts.

    \b
    Examples:
      pipeline-checks metrics --port 9464
      pipeline-checks metrics --once -
    """
    from prometheus_client import CollectorRegistry, generate_latest

    from pipeline_checks.reports.ledger_metrics import LedgerMetrics
    from pipeline_checks.verification.ledger.location import location

    metrics = LedgerMetrics(location(), _declared(project), progress)
    registry = CollectorRegistry()
    registry.register(metrics)
    try:
        if file is None:
            return _serve(port, registry, metrics)
        write_text(generate_latest(registry).decode(), file)
        return exits.PASSED if metrics.problem is None else exits.NOT_PROVED
    finally:
        metrics.close()


def _serve(port: int, registry: CollectorRegistry, metrics: LedgerMetrics) -> int:
    from pipeline_checks.clients.monitor import serve_monitor
    from pipeline_checks.model.errors import ConfigurationError

    def health() -> dict[str, object]:
        for _ in metrics.collect():  # reads the ledger
            pass
        return {"ready": metrics.problem is None, "problem": metrics.problem}

    try:
        server = serve_monitor(port, registry, health)
    except OSError as problem:
        raise ConfigurationError(
            f"port {port} cannot be listened on: {problem.strerror}", next_step="Name another one with --port."
        ) from None
    host, taken = server.server_address[:2]
    progress(f"metrics at http://{host!s}:{taken}/metrics")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        progress("stopped")
    finally:
        server.shutdown()
        server.server_close()
    return exits.PASSED


def _declared(project: Path | None) -> Checks:
    from pipeline_checks.checks.registry import checks_of
    from pipeline_checks.verification.discovery import load_pipelines

    return {
        p.name: frozenset((s.name, c.kind) for s in p.stages for c in checks_of(s)) for p in load_pipelines(project)
    }
