"""What recording a run of 279 checks in the ledger costs, and reading what checks and people ask of a year of runs."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from dataclasses import replace
from datetime import timedelta

from benchmarks.figures import Figure, seconds_of
from pipeline_checks.model.clock import now
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.measure import Measured
from pipeline_checks.model.position import VersionPosition
from pipeline_checks.model.result import CheckResult, RunResult, StageResult
from pipeline_checks.model.schema import Schema, SchemaField
from pipeline_checks.model.verdict import Judgement, Verdict
from pipeline_checks.verification.ledger.ledger import Ledger
from pipeline_checks.verification.ledger.location import location

STAGES, KINDS = 31, 9
RUNS_BEFORE = 1000
LIMIT = 0.050
TRIES = 15


def measure_ledger() -> list[Figure]:
    """Return what recording and reading cost, on SQLite with a thousand runs before."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PIPELINE_CHECKS_HOME"] = folder
        os.environ.pop("PIPELINE_CHECKS_LEDGER_URL", None)
        try:
            return _measured()
        finally:
            os.environ.clear()
            os.environ.update(before)


def _measured() -> list[Figure]:
    run, began = _run(), now()
    facts = {(f"stage_{n}", "connector"): {"state": "RUNNING", "config": {"a": "b"}} for n in range(5)}
    with Ledger(location()) as ledger:
        first = seconds_of(lambda: ledger.record(replace(run, run_id="first"), facts))
        small = replace(run, checks=run.checks[:1])
        for n in range(RUNS_BEFORE):
            ledger.record(replace(small, run_id=f"before{n}", started_at=began - timedelta(hours=RUNS_BEFORE - n)))
        runs = iter(replace(run, run_id=f"run{n}", started_at=began + timedelta(minutes=n)) for n in range(TRIES))
        began_cpu = time.process_time()
        recording = [seconds_of(lambda: ledger.record(next(runs), facts)) for _ in range(TRIES)]
        processor = (time.process_time() - began_cpu) / TRIES
        reading = statistics.median(seconds_of(lambda: ledger.previous("bench", "stage_1")) for _ in range(TRIES))
    checks, numbers = len(run.checks), sum(len(c.judgement.measures) for c in run.checks)
    return [
        Figure(
            "record a run of 279 checks",
            processor,
            "CPU-s",
            LIMIT,
            detail=f"SQLite, {checks} checks, {numbers} numbers",
        ),
        Figure(
            "the same by the clock", min(recording), "s", LIMIT, detail=f"best of {TRIES}, as others use the machine"
        ),
        Figure("begin a ledger and record", first, "s", detail="the tables are made, once"),
        Figure("what earlier runs found of a stage", reading, "s", LIMIT, detail=f"of {RUNS_BEFORE + TRIES} runs"),
    ]


def _run() -> RunResult:
    fields = tuple(SchemaField(f"column_{n}", LogicalType.parse("int64"), True, str(n)) for n in range(12))
    stages = tuple(
        StageResult(f"stage_{n}", "delta_table", VersionPosition(n), True, Measured(1000), Schema(fields), 0.1)
        for n in range(STAGES)
    )
    numbers = {f"measure_{n}": n * 1.5 for n in range(8)} | {"grade": "exact"}
    found = Finding("missing", "stage_1", "order_id 4 is missing", key={"order_id": 4}, position=VersionPosition(4))
    checks = tuple(
        CheckResult(
            stage.name,
            f"kind_{kind}",
            Judgement(Verdict.FAIL, "1,000 rows, 1 missing", {"rows": 1000}, numbers, (found,) * 5, 5)
            if kind == 0
            else Judgement(Verdict.PASS, "1,000 rows, none missing", {"rows": 1000}, numbers),
            0.01,
        )
        for stage in stages
        for kind in range(KINDS)
    )
    return RunResult("run", "bench", now(), 10.0, None, stages, checks)
