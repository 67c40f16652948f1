"""Runs dbt when something was loaded: ``python -m pipeline_checks.pipelines.sales.flow.dbt_runner``.

Settings: ``SALES_WAREHOUSE_URL`` from the environment or the running stack. Exit codes: 0 stopped, or with --once a run
that passed; 1 models or tests failed; 2 configuration; 3 the warehouse could not be reached.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline_checks.clients.monitor import serve_monitor
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError
from pipeline_checks.pipelines.sales.flow.configuration.loading import load
from pipeline_checks.pipelines.sales.flow.transforming.commands import Dbt
from pipeline_checks.pipelines.sales.flow.transforming.metrics import DbtMetrics
from pipeline_checks.pipelines.sales.flow.transforming.transform import Transformation
from pipeline_checks.pipelines.sales.flow.transforming.watching import Watch

_log = logging.getLogger(__name__)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sales-dbt", description="Run dbt when something was loaded.")
    parser.add_argument("--once", action="store_true", help="run once, whatever was loaded, and exit")
    parser.add_argument("--port", type=int, default=0, help="of /health and /metrics; a free one by default")
    parser.add_argument("--folder", type=Path, default=Path("dbt"), help="for dbt's logs and what it compiles")
    parser.add_argument("--quiet-seconds", type=float, default=1.0, help="nothing was loaded for so long before a run")
    parser.add_argument("--timeout", type=int, help="seconds that one statement may take; else dbt_run_timeout")
    parser.add_argument("--log-level", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code."""
    options = _parser().parse_args(argv)
    logging.basicConfig(level=options.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        seconds = options.timeout or load().pipeline_stages.dbt_run_timeout
        # Of every connection of this process, dbt's own included: libpq takes its options from there.
        given = os.environ.get("PGOPTIONS", "")
        os.environ["PGOPTIONS"] = f"{given} -c statement_timeout={round(seconds * 1000)}".strip()
        url = setting("SALES_WAREHOUSE_URL")
        transformation = Transformation(url, Dbt(url, options.folder.absolute()))
        return _once(transformation) if options.once else _watch(transformation, options)
    except ConfigurationError as problem:
        _log.error("%s", problem)
        return 2
    except PipelineChecksError as problem:
        _log.error("dbt cannot run: %s", problem)
        return 3


def _once(transformation: Transformation) -> int:
    done = transformation.run()
    _log.info("%d models, %d tests, %d failed, %.1f s", done.models, len(done.tests), done.failed_tests, done.seconds)
    for test in done.tests:
        if test.status in ("fail", "error"):
            _log.error("%s: %s", test.name, test.message)
    if done.error:
        _log.error("%s", done.error)
    return 0 if done.success else 1


def _watch(transformation: Transformation, options: argparse.Namespace) -> int:
    watch = Watch(transformation, DbtMetrics(), quiet_seconds=options.quiet_seconds)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: watch.stop.set())
    server = serve_monitor(options.port, watch.metrics.registry, watch.health)
    _log.info("listening on port %d", server.server_port)
    watch.run()
    _log.info("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
