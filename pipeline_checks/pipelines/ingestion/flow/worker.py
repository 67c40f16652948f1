"""The worker: ``python -m pipeline_checks.pipelines.ingestion.flow.worker``. Settings: variables INGESTION_*."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Sequence

from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError
from pipeline_checks.pipelines.ingestion.flow.running.working import Worker
from pipeline_checks.pipelines.ingestion.flow.settings import load

_log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out runs until SIGTERM; 2 for a wrong setting, 1 when it cannot start."""
    argparse.ArgumentParser(
        prog="ingestion-worker",
        description="Carry out the runs of the ingestion service, and begin those that are due.",
        epilog="Settings are environment variables INGESTION_*; INGESTION_DATABASE_URL is required.",
    ).parse_args(argv)
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        settings = load()
        logging.getLogger().setLevel(settings.log_level)
        worker = Worker(settings)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: worker.stop())
        worker.run()
    except ConfigurationError as problem:
        _log.error("%s", problem)
        return 2
    except PipelineChecksError as problem:
        _log.error("the worker cannot start: %s", problem)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
