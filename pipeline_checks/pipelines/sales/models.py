"""The models of the warehouse, for those who run dbt in place of the pipeline's own program."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline_checks.clients.postgres import connect
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import monotonic, now
from pipeline_checks.pipelines.dbt_models import Artifact, DbtModels
from pipeline_checks.pipelines.sales.flow.transforming.commands import PROJECT, environment
from pipeline_checks.pipelines.sales.flow.transforming.loads import frozen
from pipeline_checks.pipelines.sales.flow.transforming.recorded import run_of
from pipeline_checks.pipelines.sales.flow.transforming.runs import prepare_tables, record

_URL = "SALES_WAREHOUSE_URL"
MANIFEST: Path = PROJECT / "manifest.json"


def dbt_models() -> DbtModels:
    """Return the models."""
    return DbtModels(PROJECT, MANIFEST, lambda: environment(setting(_URL)), _building)


@contextmanager
def _building() -> Iterator[Callable[[Artifact], None]]:
    url = setting(_URL)
    artifacts: list[Artifact] = []
    started_at, started = now(), monotonic()
    with frozen(url) as loads:
        yield artifacts.append
    run = run_of(loads, artifacts, json.loads(MANIFEST.read_bytes()), started_at, monotonic() - started)
    with connect(url) as connection:
        prepare_tables(connection)
        record(connection, run)
