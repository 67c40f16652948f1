"""540 rules on 10 stages as one Dagster job, against the same verification without Dagster: processor time."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import dagster as dg
import duckdb
from deltalake import write_deltalake

import pipeline_checks
from benchmarks.figures import Figure
from pipeline_checks.checks.registry import checks_of
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.stages.registry import declaration_class
from pipeline_checks.verification.run import run_checks

STAGES, COLUMNS = 10, 16
RULES = STAGES * 54
LIMIT = 1.5
ROWS = 1000
QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
"""What stands in a terminal is no part of the work."""
EVENT_LOG = {"module": "pipeline_checks.orchestration.event_log", "class": "KeptSqliteEventLogStorage"}
"""The event log of the instance, as ``dagster.yaml`` names it."""


def measure_dagster_rules() -> list[Figure]:
    """Return the processor seconds that Dagster adds."""
    with tempfile.TemporaryDirectory() as folder:
        pipeline = Pipeline(name="rules", stages=tuple(_stage(Path(folder), n) for n in range(STAGES)))
        rules = sum(_rules(s) for s in pipeline.stages)
        if rules != RULES:
            raise AssertionError(f"{rules} rules instead of {RULES}")
        job = pipeline_checks.build_pipeline_definitions(pipeline).resolve_job_def("rules_check")
        _alone(pipeline)
        _in_dagster(job, folder)
        added = [_in_dagster(job, folder) - _alone(pipeline) for _ in range(5)]
    checks = sum(len(checks_of(s)) for s in pipeline.stages)
    how = f"{rules} rules in {checks} checks; the job less the verification alone"
    figure = Figure(
        f"{RULES} rules on {STAGES} stages in Dagster", statistics.median(added), "CPU-s", LIMIT, detail=how
    )
    return [figure]


def _rules(stage: StageDeclaration) -> int:
    """Promises of the stage: three about each value column (type, NULL, range), counts, key and the key's own three."""
    return 3 * (len(stage.contract.columns)) + 3


def _stage(folder: Path, number: int) -> StageDeclaration:
    path = folder / f"table_{number}"
    values = ", ".join(f"i % 97 AS c{n}" for n in range(COLUMNS))
    with duckdb.connect() as connection:
        rows = connection.sql(f"SELECT i AS id, {values} FROM range({ROWS}) t(i)").to_arrow_table()
    write_deltalake(path, rows)
    columns = {name: {"type": "int64", "nullable": False, "min": 0} for name in rows.column_names}
    contract = {"key": ["id"], "columns": columns}
    return declaration_class("delta_table").model_validate(
        {"name": f"table_{number}", "kind": "delta_table", "path": str(path), "contract": contract}
    )


def _alone(pipeline: Pipeline) -> float:
    started = time.process_time()
    run_checks(pipeline)
    return time.process_time() - started


def _in_dagster(job: dg.JobDefinition, folder: str) -> float:
    storage = {"event_log_storage": EVENT_LOG | {"config": {"base_dir": f"{folder}/events"}}}
    with dg.instance_for_test(storage, temp_dir=folder) as instance:
        started = time.process_time()
        job.execute_in_process(instance=instance, run_config=QUIET, raise_on_error=False)
        return time.process_time() - started
