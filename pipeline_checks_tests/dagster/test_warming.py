"""What a verification needs is there before something has moved."""

from __future__ import annotations

import subprocess
import sys

_CODE = """
import sys
from pipeline_checks.orchestration.warming import warm_up
wanted = {"polars", "duckdb", "deltalake", "pyiceberg.table", "confluent_kafka", "psycopg"}
before = {"polars", "duckdb", "deltalake", "pyiceberg.table"} & set(sys.modules)
warm_up()
print(sorted(wanted - set(sys.modules)), before)
"""


def test_drivers_and_engines_are_imported_at_the_first_look_and_not_before() -> None:
    done = subprocess.run([sys.executable, "-c", _CODE], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[] set()", done.stderr
