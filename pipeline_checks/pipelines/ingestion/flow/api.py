"""The API: ``python -m pipeline_checks.pipelines.ingestion.flow.api``. Settings: variables INGESTION_*."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from pipeline_checks.clients.settings import listen_address
from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError
from pipeline_checks.pipelines.ingestion.flow.serving.app import context_of, create_app
from pipeline_checks.pipelines.ingestion.flow.settings import load

_log = logging.getLogger(__name__)
_STOP_SECONDS = 5


def main(argv: Sequence[str] | None = None) -> int:
    """Serve on this machine until SIGTERM; 2 for a wrong setting, 1 when it cannot start."""
    import uvicorn

    argparse.ArgumentParser(
        prog="ingestion-api",
        description="Serve the ingestion API.",
        epilog="Settings are environment variables INGESTION_*; INGESTION_DATABASE_URL is required.",
    ).parse_args(argv)
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        settings = load()
        logging.getLogger().setLevel(settings.log_level)
        app = create_app(context_of(settings))
    except ConfigurationError as problem:
        _log.error("%s", problem)
        return 2
    except PipelineChecksError as problem:
        _log.error("the API cannot start: %s", problem)
        return 1
    uvicorn.run(
        app,
        host=listen_address(),
        port=settings.port,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
