"""One workload of a benchmark: lines are sent, and each stage's time is taken from what it wrote down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pipeline_checks.clients.postgres import connect, translated
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import monotonic
from pipeline_checks.pipelines.sales.artifacts.reports import Measured
from pipeline_checks.pipelines.sales.scenarios.ledger import newest_files, require_exact, wait_until_caught_up
from pipeline_checks.pipelines.sales.seed.generator import DataGenerationConfig
from pipeline_checks.pipelines.sales.seed.scenarios import DATA_SETS
from pipeline_checks.pipelines.sales.seed.source import (
    input_path,
    prepare_reference,
    send_lines,
    write_data_set,
)

_PATIENCE: Final = 180.0
_SECONDS_A_ROW: Final = 0.01
_ETL: Final = """
SELECT extract(epoch FROM max(processing_timestamp) - min(ingestion_timestamp))::float
FROM raw.sales_batch_raw WHERE source_file = %s
"""
_DBT: Final = "SELECT seconds::float FROM marts.dbt_runs WHERE built ORDER BY started_at DESC LIMIT 1"


def measure(rows: int, seed: int, say: Callable[[str], None] = lambda line: None) -> Measured:
    """Send a file of so many sound lines and return what each stage took.

    The clock runs from the start of the producer until the marts hold every line; writing the file is not measured.
    Raises TerminalError when a line is not where it belongs, TransientError when they do not arrive.
    """
    folder = input_path()
    before = {path.name for path in folder.glob("*.csv")}
    prepare_reference(DataGenerationConfig(rows, seed))
    path = folder / f"sales_{len(before) + 1:04d}_workload_{rows}.csv"
    say(f"{rows} rows: writing")
    first_order = 1 + 10_000_000 * (len(before) + 1)  # no order of an earlier file
    write_data_set(path, DATA_SETS["happy_path"], rows, seed, first_order)
    say(f"{rows} rows: sending")
    began = monotonic()
    sent: dict[str, Any] = send_lines(path)
    wait_until_caught_up(_PATIENCE + _SECONDS_A_ROW * rows)
    seconds = monotonic() - began
    require_exact(*newest_files(before))
    with connect(setting("SALES_WAREHOUSE_URL"), read_only=True) as connection, translated("measuring a workload"):
        etl = (connection.execute(_ETL, [path.name]).fetchone() or (None,))[0]
        dbt = (connection.execute(_DBT).fetchone() or (None,))[0]
    return Measured(
        rows, seconds, {"kafka": float(sent["seconds"]), "spark": float(etl or 0.0), "dbt": float(dbt or 0.0)}
    )
