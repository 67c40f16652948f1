"""Results for tests of reports."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pipeline_checks.model.cut import Cut, TransactionSnapshot
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.measure import Grade, Measured
from pipeline_checks.model.position import LsnPosition, OffsetsPosition, VersionPosition
from pipeline_checks.model.result import CheckResult, RunResult, StageResult
from pipeline_checks.model.schema import Schema, SchemaField
from pipeline_checks.model.verdict import Judgement, Verdict

TAKEN = datetime(2026, 5, 1, 12, tzinfo=UTC)
CUT = Cut(TransactionSnapshot(10, 20, frozenset({12})), 23803720, TAKEN)
SCHEMA = Schema((SchemaField("order_id", LogicalType.parse("int64"), False, "1"),))
HOSTILE = "a|b\n<script>alert(1)</script> **x** [l](http://evil) @all #1 `c` \x1b[31m\x00 postgresql://me:tiger@db/x"


def missing(key: Any = 4, message: str = "order_id 4 is missing from delta_orders") -> Finding:
    return Finding(
        "missing", "delta_orders", message, key={"order_id": key}, position=VersionPosition(57), expected=1, seen=0
    )


def checked(
    verdict: Verdict,
    message: str = "10 rows",
    findings: tuple[Finding, ...] = (),
    total: int | None = None,
    stage: str = "delta_orders",
    check: str = "counts",
) -> CheckResult:
    measures = {"rows": 10, "amount": Decimal("1.50"), "ratio": float("nan")}
    return CheckResult(stage, check, Judgement(verdict, message, {"rows": 10}, measures, findings, total), 0.25)


STAGES = (
    StageResult("pg_orders", "postgres_table", LsnPosition(23803720), True, Measured(10), SCHEMA, 0.0),
    StageResult(
        "topic_orders", "debezium_topic", OffsetsPosition.of({"shop.orders": {0: 7}}), True, Measured(31, Grade.BOUND)
    ),
    StageResult("delta_orders", "delta_table", VersionPosition(57), False, Measured(9)),
    StageResult("api_orders", "http_api", None, None, problem="it does not answer"),
)
CHECKS = (
    checked(Verdict.PASS, stage="pg_orders"),
    checked(Verdict.WARN, "no data", stage="topic_orders", check="latency"),
    checked(Verdict.FAIL, "9 rows, 10 expected, 1 missing", (missing(),)),
    checked(Verdict.UNSETTLED, "not settled", check="freshness"),
    checked(Verdict.ERROR, "could not look", stage="api_orders"),
)


def run(*checks: CheckResult, pipeline: str = "shop", cut: Cut | None = CUT) -> RunResult:
    """Return a run with the checks, by default one of each verdict."""
    return RunResult("r1", pipeline, TAKEN, 12.3456, cut, STAGES, checks or CHECKS)
