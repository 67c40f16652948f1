"""Brings the metadata to their newest version and makes buckets that are missing."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from sqlalchemy.exc import SQLAlchemyError

from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError, TransientError
from pipeline_checks.pipelines.ingestion.flow.engine.listing import client
from pipeline_checks.pipelines.ingestion.flow.jobs import default_store
from pipeline_checks.pipelines.ingestion.flow.metadata.database import Database
from pipeline_checks.pipelines.ingestion.flow.metadata.migrations.upgrade import upgrade
from pipeline_checks.pipelines.ingestion.flow.settings import Settings, load

_log = logging.getLogger(__name__)


def prepare(settings: Settings) -> None:
    """Make tables and buckets; what is there already stays as it is.

    Raises TransientError when Postgres or the store does not answer or refuses.
    """
    database = Database(settings.database_url.get_secret_value(), connections=1)
    try:
        upgrade(database.engine)
    except SQLAlchemyError as problem:
        raise TransientError(
            f"the tables in Postgres at {database.place} cannot be made: {type(problem).__name__}.",
            next_step="See that it runs and that the user may make tables.",
        ) from problem
    finally:
        database.close()
    if settings.buckets:
        _make_buckets(settings)


def _make_buckets(settings: Settings) -> None:
    store = client(default_store(settings))
    try:
        there = {bucket["Name"] for bucket in store.list_buckets()["Buckets"]}
        for name in settings.buckets:
            if name not in there:
                store.create_bucket(Bucket=name)
    except Exception as problem:  # errors of boto3, and of its transport, share no root
        raise TransientError(
            f"the buckets {', '.join(settings.buckets)} cannot be made: {type(problem).__name__}.",
            next_step="See that the object store runs and that the keys may make buckets.",
        ) from None


def main(argv: Sequence[str] | None = None) -> int:
    """Prepare and return 0; 2 for a wrong setting, 1 when it did not work."""
    argparse.ArgumentParser(prog="ingestion-prepare", description=__doc__).parse_args(argv)
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        prepare(load())
    except ConfigurationError as problem:
        _log.error("%s", problem)
        return 2
    except PipelineChecksError as problem:
        _log.error("%s", problem)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
