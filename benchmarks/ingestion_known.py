"""A run of the ingestion service that finds nothing new, among many files that it knows.

The limit holds for what the service adds to listing the source: the embedded store walks over all of its files for each
page of a listing, which takes most of the time of such a run and says nothing of the service.
"""

from __future__ import annotations

import statistics
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.figures import Figure, seconds_of
from benchmarks.own_stack import own_stack
from pipeline_checks.clients.http import client as http_client
from pipeline_checks.clients.postgres import connect
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import Deadline
from pipeline_checks.pipelines.ingestion.flow.engine.listing import client, list_files
from pipeline_checks.pipelines.ingestion.flow.engine.model import FileVersion, Source, Store
from pipeline_checks.pipelines.ingestion.services import CATALOG, CLUSTER, SOURCE_BUCKET, services

LIMIT_SECONDS = 1.0
_PREFIX = "known/"
_RUNS = 5
_WRITERS = 16
_COLUMNS = "file_path, file_etag, file_size_bytes, file_modified_at"
_KNOWN = f"""
INSERT INTO processed_files (id, ingestion_id, {_COLUMNS}, status, discovered_at, last_seen_at, retry_count,
 created_at, updated_at)
SELECT gen_random_uuid()::text, %s, path, etag, size, modified, 'SUCCESS', now(), now(), 0, now(), now()
FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::timestamptz[]) AS f(path, etag, size, modified)"""


def measure_ingestion_known(files: int = 10_000) -> list[Figure]:
    """Return the seconds from asking for a run to its end when every file is known, above those of the listing."""
    with own_stack() as provider:
        provider.up(services(), lambda progress: None)
        return measured_here(files)


def measured_here(files: int) -> list[Figure]:
    """The same on the stack of the present home."""
    source = Source(
        f"s3://{SOURCE_BUCKET}/{_PREFIX}",
        Store(setting("S3_ENDPOINT"), setting("S3_ACCESS_KEY"), setting("S3_SECRET_KEY")),
    )
    _put(source, files)
    listed = list_files(source)
    with http_client(setting("INGESTION_API_URL")) as http:
        http.headers["Authorization"] = f"Bearer {setting('INGESTION_API_TOKEN')}"
        made = http.post("/api/v1/ingestions", json=_declaration()).raise_for_status().json()["id"]
        _remember(made, listed)
        path = f"/api/v1/ingestions/{made}"
        _run(http, path)
        pairs = [(seconds_of(lambda: _run(http, path)), seconds_of(lambda: list_files(source))) for _ in range(_RUNS)]
        run = http.get(f"{path}/runs").json()[0]
    assert (run["metrics"]["files_skipped"], run["metrics"]["files_processed"]) == (files, 0), run
    work = f"a run that finds nothing new among {files:,} known files"
    above = statistics.median(whole - listing for whole, listing in pairs)
    whole = statistics.median(whole for whole, _ in pairs)
    listing = statistics.median(listing for _, listing in pairs)
    detail = f"from the request to the end of the run {whole:.2f} s, listing the files alone {listing:.2f} s"
    return [
        Figure(f"{work}, above listing them", above, "s", LIMIT_SECONDS, detail=f"median of {_RUNS} pairs; {detail}"),
        Figure(work, whole, "s", detail=detail),
    ]


def _put(source: Source, files: int) -> None:
    store: Any = client(source.store)

    def put(number: int) -> None:
        store.put_object(Bucket=SOURCE_BUCKET, Key=f"{_PREFIX}{number:06d}.json", Body=b'{"id": %d}' % number)

    with ThreadPoolExecutor(_WRITERS) as pool:
        list(pool.map(put, range(files)))


def _remember(ingestion_id: str, listed: list[FileVersion]) -> None:
    """Write all files down as loaded: loading them is not what is measured."""
    columns = zip(*((f.path, f.etag, f.size, f.modified) for f in listed), strict=True)
    with connect(setting("INGESTION_DATABASE_URL")) as connection:
        connection.execute(_KNOWN, (ingestion_id, *(list(column) for column in columns)))


def _run(http: Any, path: str) -> None:
    run_id = http.post(f"{path}/run").raise_for_status().json()["run_id"]

    def ended() -> bool:
        return bool(http.get(f"{path}/runs/{run_id}").json()["status"] != "running")

    assert Deadline(120).wait_until(ended, every=0.01)


def _declaration() -> dict[str, Any]:
    return {
        "name": "known files",
        "cluster_id": CLUSTER,
        "source": {"type": "s3", "path": f"s3://{SOURCE_BUCKET}/{_PREFIX}", "file_pattern": "*.json"},
        "format": {"type": "json"},
        "destination": {"catalog": CATALOG, "database": "benchmark", "table": "known"},
        "schedule": {},
    }
