"""Stages and evidence for tests of checks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from pipeline_checks.checks.registry import check
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.contract import Contract
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.measure import (
    Coverage,
    CoverageState,
    DuplicateClasses,
    DuplicateKeys,
    DuplicateSample,
    Facts,
    KeyComparison,
    KeyDifference,
    Latencies,
    LatencySample,
    Maximum,
    Measure,
    Measured,
    RowComparison,
    RowCount,
    RowDifference,
    StageSchema,
    UpstreamDuplicates,
    UpstreamSchemas,
    Violations,
    ViolationSample,
)
from pipeline_checks.model.position import OffsetsPosition, Position, VersionPosition
from pipeline_checks.model.previous import Previous, PreviousState
from pipeline_checks.model.row_promises import BrokenExpression, BrokenRows, ReferenceDifference, References
from pipeline_checks.model.schema import Schema, SchemaField
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.transactions import TransactionComparison, TransactionDifference
from pipeline_checks.model.verdict import Judgement

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
COVERED = CoverageState(True, 0.0, 10)
BEHIND = CoverageState(False, 4.0, 10, 5.0, "3 of 10 events of the cut are not covered")
UNKNOWN = CoverageState(None, None, 10, reason="the table does not say what it covers")

ORDERS = {
    "key": ["order_id"],
    "event_time": "updated_at",
    "columns": {
        "order_id": {"type": "int64", "nullable": False, "min": 1},
        "status": {"type": "string", "accepted": ["new", "paid"]},
        "amount": {"type": "decimal(10,2)", "nullable": False},
        "updated_at": "timestamp",
    },
}


class AnyStage(StageDeclaration):
    """A stage of any kind, as far as checks look at one."""

    covers: Any = "none"
    rows_stand_for: Literal["current", "changes", "dead_letters"] = "current"
    has_rows: bool = True
    connection: Any = None
    publication: str | None = None
    table: str | None = None
    transactions: Any = None

    @property
    def row_meaning(self) -> Literal["current", "changes", "dead_letters"]:
        return self.rows_stand_for

    @property
    def holds_rows(self) -> bool:
        return self.has_rows


def stage(kind: str, contract: Mapping[str, Any] | None = None, **fields: Any) -> AnyStage:
    """Return a stage named ``orders``, by default with the contract ``ORDERS``."""
    written = ORDERS if contract is None else contract
    fields.setdefault("name", "orders")
    return AnyStage.model_validate({"kind": kind, "contract": Contract.model_validate(written), **fields})


def source(**fields: Any) -> AnyStage:
    return stage("postgres_table", **fields)


def topic(**fields: Any) -> AnyStage:
    return stage("debezium_topic", **{"from": ("pg_orders",), **fields})


def table(**fields: Any) -> AnyStage:
    return stage("delta_table", **{"from": ("topic_orders",), "covers": {"commit_metadata": "covers"}, **fields})


def change_log(**fields: Any) -> AnyStage:
    key = ("_topic", "_partition", "_offset")
    columns = {name: {"type": "int64", "nullable": False} for name in key}
    return table(**{"rows_stand_for": "changes", "contract": {"key": key, "columns": columns}, **fields})


def api(**fields: Any) -> AnyStage:
    return stage("http_api", **{"from": ("delta_orders",), **fields})


def connector(**fields: Any) -> AnyStage:
    declared = {"contract": {}, "has_rows": False, "from": ("pg_orders",), "connection": "here"}
    return stage("service", **{**declared, **fields})


def schema(**columns: str) -> Schema:
    """Return a schema; ``int64!`` is a type that is NOT NULL."""
    return Schema(
        tuple(SchemaField(n, LogicalType.parse(t.rstrip("!")), not t.endswith("!")) for n, t in columns.items())
    )


PROMISED = schema(order_id="int64!", status="string", amount="decimal(10,2)!", updated_at="timestamp")


def difference(rows: int = 10, **fields: Any) -> KeyDifference:
    """Return a comparison of ``rows`` rows in which nothing differs but what ``fields`` say."""
    same = {"rows": rows, "distinct_keys": rows, "expected_rows": rows, "missing_total": 0, "unexpected_total": 0}
    return KeyDifference(**{**same, **fields})


def position_of(declaration: StageDeclaration) -> Position:
    """Return a position as stages of the kind have one."""
    if declaration.kind == "debezium_topic":
        return OffsetsPosition.of({"shop.orders": {0: 7, 1: 3}})
    return VersionPosition(57)


HEALTHY: Mapping[str, Any] = {
    "connector": {
        "name": "pg",
        "state": "RUNNING",
        "tasks": [{"id": 0, "state": "RUNNING", "trace": ""}],
        "config": {"topic.prefix": "shop", "tasks.max": "1", "database.password": "x"},
        "expected_config": {"topic.prefix": "shop", "tasks.max": 1},
    },
    "slots": [
        {
            "name": "shop_slot",
            "active": True,
            "wal_status": "reserved",
            "restart_lsn": "0/10",
            "confirmed_flush_lsn": "0/20",
            "retained_bytes": 1000,
            "database": "shop",
            "plugin": "pgoutput",
            "expected": True,
            "invalidation_reason": None,
            "safe_wal_size": None,
            "active_pid": 77,
            "total_txns": 40,
            "stats_reset": None,
            "server_started": "2026-05-01 10:00:00+00",
            "system_identifier": "7001",
        }
    ],
    "offset": {"lsn": 0x20, "snapshot": False},
    "commits": [
        {
            "version": version,
            "timestamp": f"2026-05-01T11:00:0{version}+00:00",
            "operation": "WRITE",
            "covers": {"shop.orders": {"0": version}},
            "maintenance": None,
            "changes_data": True,
            "position": VersionPosition(version),
        }
        for version in range(3)
    ],
    "publication": {"shop_publication": ["public.orders"]},
    "accounting": {
        "offsets": 10,
        "records": 9,
        "tombstones": 1,
        "malformed": 0,
        "aborted": 0,
        "compacted": 0,
        "expired": 0,
        "single": 0,
        "single_sample": [],
        "unseen": [],
    },
    "order": {
        "events": 8,
        "without_lsn": 0,
        "snapshot_events": 2,
        "keys_total": 0,
        "keys": [],
        "transactions_total": 0,
        "transactions": [],
        "commits_total": 0,
        "commits": [],
        "tombstones_total": 0,
        "tombstones": [],
    },
    "malformed": [],
    "unavailable": {},
    "unconvertible": {},
}


def clean_value(measure: Measure, rows: int = 10) -> Any:
    """Return the value that a measure has of a stage of ``rows`` rows in which nothing is wrong."""
    match measure:
        case RowCount():
            return rows
        case Coverage():
            return COVERED
        case KeyComparison():
            return difference(rows)
        case RowComparison():
            return RowDifference(rows, ("order_id", "status"), 0)
        case DuplicateClasses():
            return ()
        case DuplicateKeys():
            return DuplicateSample(0, 0)
        case UpstreamDuplicates():
            return DuplicateSample(0, 0)
        case BrokenExpression():
            return BrokenRows(rows, ViolationSample(0))
        case References():
            return ReferenceDifference(rows, 0, against="other.id")
        case TransactionComparison():
            return TransactionDifference(3 if rows else 0, rows, 0, against=("topic_orders",) if rows else ())
        case Previous():
            return PreviousState()
        case StageSchema():
            return PROMISED
        case UpstreamSchemas():
            return {"above": PROMISED}
        case Maximum():
            return datetime(2026, 5, 1, 11, 59) if rows else None
        case Violations():
            return ViolationSample(0)
        case Latencies():
            return LatencySample(rows, {"commit_to_topic": (0.1,) * rows, "commit_to_table": (0.5,) * rows})
        case Facts():
            return HEALTHY[measure.topic]
    raise AssertionError(measure)


def judge(
    kind: str,
    declaration: StageDeclaration,
    values: Mapping[Any, Any] | None = None,
    rows: int = 10,
    upstream: Mapping[str, StageDeclaration] | None = None,
) -> Judgement:
    """Judge a stage of ``rows`` rows in which nothing is wrong but what ``values`` say.

    A value that is a ``Measured`` is taken with its grade.
    """
    found = check(kind)
    assert found.applies_to(declaration), f"{kind} does not apply to {declaration.kind}"
    configuration = found.configure(declaration)
    wanted = found.measures(declaration, configuration) | {Coverage()}
    given = dict(values or {})
    assert not given.keys() - wanted, f"{kind} does not ask for {given.keys() - wanted}"
    all_values = {m: given[m] if m in given else clean_value(m, rows) for m in wanted}
    evidence = Evidence(
        declaration,
        NOW,
        position_of(declaration),
        {m: v if isinstance(v, Measured) else Measured(v) for m, v in all_values.items()},
        dict(upstream or {}),
    )
    return found.judge(configuration, evidence)
