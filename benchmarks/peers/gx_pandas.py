# mypy: ignore-errors
# ruff: noqa: E402
"""Great Expectations over pandas: count, columns, unique keys, freshness, nulls of every column and a range."""

import datetime
import logging
import os
import warnings

os.environ["GX_ANALYTICS_ENABLED"] = "false"
os.environ["TQDM_DISABLE"] = "1"
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

import great_expectations as gx
import great_expectations.expectations as gxe
import pyarrow.parquet as parquet
from deltalake import DeltaTable

COLUMNS = (
    "customer_id", "email", "first_name", "last_name", "country", "balance", "is_active", "created_at", "updated_at",
)  # fmt: skip


def check(table: str, rows: int) -> tuple[int, list[str]]:
    """Return how many checks there were and those that failed."""
    frame = parquet.read_table(DeltaTable(table).file_uris()).to_pandas()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    asset = context.data_sources.add_pandas("bench").add_dataframe_asset("customers")
    batch = asset.add_batch_definition_whole_dataframe("all")
    suite = gx.ExpectationSuite(name="bench")
    least, most = datetime.datetime(2026, 1, 1), datetime.datetime(2100, 1, 1)
    for expectation in (
        gxe.ExpectTableRowCountToBeBetween(min_value=rows, max_value=rows),
        gxe.ExpectTableColumnsToMatchSet(column_set=list(COLUMNS), exact_match=True),
        gxe.ExpectColumnValuesToBeUnique(column="customer_id"),
        gxe.ExpectColumnMaxToBeBetween(column="updated_at", min_value=least, max_value=most),
        *(gxe.ExpectColumnValuesToNotBeNull(column=name) for name in COLUMNS),
        gxe.ExpectColumnValuesToBeBetween(column="balance", min_value=0, max_value=1000000),
    ):
        suite.add_expectation(expectation)
    found = batch.get_batch({"dataframe": frame}).validate(suite, result_format="BASIC")
    return len(found.results), [str(r.expectation_config.type) for r in found.results if not r.success]
