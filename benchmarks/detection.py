"""How long it takes from a fault to its finding, with the sensors as they are by default."""

from __future__ import annotations

import time
from collections.abc import Callable

import dagster as dg
import psycopg
from deltalake import DeltaTable

from benchmarks.daemon import Daemon, daemon
from benchmarks.figures import Figure, percentile
from benchmarks.own_stack import own_stack
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import Deadline
from pipeline_checks.pipelines.parts import seed_of, services_of
from pipeline_checks.verification.discovery import load_pipeline
from pipeline_checks.verification.run import run_checks

FAULTS, LIMIT, PATIENCE = 20, 10.0, 120.0


def measure_detection() -> list[Figure]:
    """Return the times from fault to finding."""
    pipeline = load_pipeline("cdc")
    with own_stack() as provider:
        provider.up(services_of([pipeline]), lambda _: None)
        seed_of(pipeline).seed(100, 42)
        run_checks(pipeline)
        with daemon(watch=True) as running:
            for sensor in ("watch_lsn", "watch_version"):
                running.await_ticks(sensor, 2)
            times = [_seconds_to(running, *(_in_source(n) if n % 2 else _in_lake(n))) for n in range(1, FAULTS + 1)]
    how = f"{FAULTS} faults, by turns in rows of the source and in a table behind the mover's back"
    return [
        Figure("fault to finding, median", percentile(times, 0.5), "s", detail=how),
        Figure("fault to finding, longest", max(times), "s", LIMIT, detail=how),
    ]


def _seconds_to(running: Daemon, inject: Callable[[], None], stage: str, check: str) -> float:
    """Inject a fault and return the seconds until the verdict of it stands in the event log."""
    key = dg.AssetCheckKey(dg.AssetKey(["cdc", stage]), check)
    inject()
    since = time.time()

    def found() -> float | None:
        with running.instance() as instance:
            record = instance.event_log_storage.get_latest_asset_check_execution_by_key([key]).get(key)
        if record is None or record.event is None or record.event.timestamp < since:
            return None
        event = record.event.dagster_event
        evaluation = None if event is None else event.event_specific_data
        has_failed = isinstance(evaluation, dg.AssetCheckEvaluation) and not evaluation.passed
        return record.event.timestamp - since if has_failed else None

    seconds = Deadline(PATIENCE).wait_until(found, every=0.2)
    if seconds is None:
        raise AssertionError(f"{stage}.{check} was not found to fail within {PATIENCE:g} s")
    return seconds


def _in_source(number: int) -> tuple[Callable[[], None], str, str]:
    def inject() -> None:
        with psycopg.connect(setting("CDC_POSTGRES_URL"), autocommit=True) as connection:
            connection.execute("UPDATE customers SET email = %s WHERE customer_id = %s", (f"bad {number}", number))

    return inject, "pg_customers", "values"


def _in_lake(number: int) -> tuple[Callable[[], None], str, str]:
    def inject() -> None:
        table = DeltaTable(load_pipeline("cdc").stage("delta_products").uri())  # type: ignore[attr-defined]
        table.delete(f"product_id = {number}")

    return inject, "delta_products", "counts"
