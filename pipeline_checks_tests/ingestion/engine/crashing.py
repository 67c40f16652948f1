"""A program that loads what is there as the worker does; tests kill it. Its settings come by environment."""

from __future__ import annotations

import os
import sys

from pipeline_checks.pipelines.ingestion.flow.engine.engine import Engine
from pipeline_checks.pipelines.ingestion.flow.engine.listing import list_files
from pipeline_checks.pipelines.ingestion.flow.engine.model import Format, Job, Source, Store, Table
from pipeline_checks.pipelines.ingestion.services import CATALOG
from pipeline_checks_tests.ingestion.api import DATABASE


def main() -> int:
    """Load the files of ``LOAD_PATH`` into the table ``LOAD_TABLE`` and say each that is done."""
    store = Store(os.environ["S3_ENDPOINT"], os.environ["S3_ACCESS_KEY"], os.environ["S3_SECRET_KEY"])
    source = Source(os.environ["LOAD_PATH"], store)
    job = Job("ing_1", "killed", source, Format(), Table(CATALOG, DATABASE, os.environ["LOAD_TABLE"]))
    warehouses = {CATALOG: os.environ["INGESTION_WAREHOUSE"]}
    with Engine(os.environ["INGESTION_SPARK_CONNECT_URL"], store, warehouses) as engine:
        files = list_files(source)
        plan = engine.plan(job, files)
        engine.evolve(plan)
        for file in files:
            engine.load_file(plan, file)
            sys.stdout.write(f"{file.path}\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
