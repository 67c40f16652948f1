"""The ingestion service: what it takes above Spark's own read and append of the same files, and a run without news."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx

from benchmarks.figures import Figure, percentile
from benchmarks.own_stack import own_stack
from pipeline_checks.clients import spark_connect
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import Deadline
from pipeline_checks.pipelines.ingestion.flow.engine.listing import client
from pipeline_checks.pipelines.ingestion.flow.engine.model import Store
from pipeline_checks.pipelines.ingestion.flow.payload import batch
from pipeline_checks.pipelines.ingestion.services import CATALOG, CLUSTER, SOURCE_BUCKET, services

SIZES = ((120, 100), (10, 100_000))
"""Files, and records in each."""
ROUNDS = 3
KNOWN = 10_000
_DATABASE = "bench"


def measure_ingestion() -> list[Figure]:
    """Return the figures of a pipeline in a home of its own."""
    with own_stack() as provider:
        _say("starting the pipeline")
        provider.up(services())
        with _api() as api:
            figures = [_overhead(api, files, count) for files, count in SIZES]
            return [*figures, _nothing_new(api)]


@contextmanager
def _api() -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {setting('INGESTION_API_TOKEN')}"}
    with httpx.Client(base_url=f"{setting('INGESTION_API_URL')}/api/v1", headers=headers, timeout=60) as opened:
        yield opened


def _overhead(api: httpx.Client, files: int, count: int) -> Figure:
    """Load the same files in turn by the service and by Spark alone, one append a file, each into tables of its own."""
    prefix = _put([(f"batch_{f:05}.json", batch(f, count)) for f in range(files)])
    pairs: list[tuple[float, float]] = []
    for number in range(ROUNDS + 1):
        _say(f"{files} files of {count} records, round {number}")
        ours, plain = _by_service(api, prefix, files * count), _by_spark(prefix, files, files * count)
        if number:  # the first round is that of class loading
            pairs.append((ours, plain))
    ratio = percentile([ours / plain for ours, plain in pairs], 0.5)
    ours, plain = (percentile([pair[n] for pair in pairs], 0.5) for n in (0, 1))
    how = f"from the request to the end of the run {ours:.1f} s, Spark alone {plain:.1f} s; medians of {ROUNDS}"
    return Figure(f"ingestion of {files} files of {count} records above Spark's own", ratio, "x", 1.3, detail=how)


def _by_service(api: httpx.Client, prefix: str, rows: int) -> float:
    ingestion = _ingestion(api, prefix)
    seconds, run = _run(api, ingestion)
    if run["metrics"]["records_ingested"] != rows:
        raise AssertionError(f"{run['metrics']} in place of {rows} rows")
    return seconds


def _by_spark(prefix: str, files: int, rows: int) -> float:
    table = f"`{CATALOG}`.`{_DATABASE}`.`t{uuid4().hex}`"
    session = spark_connect.connect(setting("INGESTION_SPARK_CONNECT_URL"))
    try:
        began = time.perf_counter()
        for number in range(files):
            writer = session.read.json(f"s3a://{SOURCE_BUCKET}/{prefix}batch_{number:05}.json").writeTo(table)
            if number:
                writer.append()
            else:
                writer.using("iceberg").create()
        seconds = time.perf_counter() - began
        if session.table(table).count() != rows:
            raise AssertionError(f"Spark alone did not write {rows} rows")
        return seconds
    finally:
        spark_connect.close(session)


def _nothing_new(api: httpx.Client) -> Figure:
    """Make a run know many files, and time those that find nothing else."""
    _say(f"a run that knows {KNOWN} files")
    ingestion = _ingestion(api, _put([(f"{n:05}.json", b"") for n in range(KNOWN)]))
    _, first = _run(api, ingestion)
    if first["metrics"]["files_processed"] != KNOWN:
        raise AssertionError(f"{first['metrics']} in place of {KNOWN} files")
    seconds = [_run(api, ingestion)[0] for _ in range(5)]
    how = f"from the request to the end of the run, median of {len(seconds)}, most {max(seconds):.2f} s"
    return Figure(f"a run that finds nothing new at {KNOWN} files", percentile(seconds, 0.5), "s", 1.0, detail=how)


def _put(objects: list[tuple[str, bytes]]) -> str:
    prefix = f"{uuid4().hex}/"
    store: Any = client(Store(setting("S3_ENDPOINT"), setting("S3_ACCESS_KEY"), setting("S3_SECRET_KEY")))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: store.put_object(Bucket=SOURCE_BUCKET, Key=prefix + one[0], Body=one[1]), objects))
    return prefix


def _ingestion(api: httpx.Client, prefix: str) -> str:
    declaration = {
        "name": "benchmark",
        "cluster_id": CLUSTER,
        "source": {"type": "s3", "path": f"s3://{SOURCE_BUCKET}/{prefix}", "file_pattern": "*.json"},
        "format": {"type": "json"},
        "destination": {"catalog": CATALOG, "database": _DATABASE, "table": f"t{uuid4().hex}"},
        "schedule": {},
    }
    return str(api.post("/ingestions", json=declaration).raise_for_status().json()["id"])


def _run(api: httpx.Client, ingestion: str) -> tuple[float, dict[str, Any]]:
    """Run an ingestion and return how long it took, with the run."""
    began = time.perf_counter()
    run = api.post(f"/ingestions/{ingestion}/run").raise_for_status().json()["run_id"]

    def ended() -> dict[str, Any] | None:
        found: dict[str, Any] = api.get(f"/ingestions/{ingestion}/runs/{run}").raise_for_status().json()
        return None if found["status"] == "running" else found

    found = Deadline(1800).wait_until(ended, every=0.02)
    seconds = time.perf_counter() - began
    if not found or found["status"] != "success":
        raise AssertionError(f"the run ended as {found}")
    return seconds, found


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)
