"""The same tables in Delta Lake and in Iceberg, with values of every type, clean or damaged in every way.

Neither format keeps statistics of them, so that what is asked of values is computed over rows, by whichever engine.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake

from pipeline_checks.clients.lake import iceberg_catalog
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.stages.registry import declaration_class

Row = dict[str, Any]
Damage = Callable[[list[Row]], None]

SCHEMA = pa.schema(
    {
        "person_id": pa.int64(),
        "boss_id": pa.int64(),
        "name": pa.string(),
        "email": pa.string(),
        "status": pa.string(),
        "level": pa.int32(),
        "balance": pa.decimal128(12, 2),
        "score": pa.float64(),
        "ratio": pa.float32(),
        "active": pa.bool_(),
        "born": pa.date32(),
        "updated_at": pa.timestamp("us", tz="UTC"),
        "seen_at": pa.timestamp("us"),
        "photo": pa.binary(),
        "tags": pa.list_(pa.string()),
    }
)
START = datetime(2026, 1, 1, 12, 30, 15, 250_001)
PEOPLE = 300


def people() -> list[Row]:
    """Return clean rows: NULL, NaN, -0 and the ends of types are values like others."""
    scores = (0.0, -0.0, float("nan"), None, 1.5, 99.999, -1e300)
    return [
        {
            "person_id": i,
            "boss_id": i // 7,
            "name": f"Zoë {i}" if i % 3 else f"O'Neil `{i}`",
            "email": f"n{i}@example.org" if i % 11 else None,
            "status": ("new", "old", "gone")[i % 3],
            "level": i % 10,
            "balance": Decimal(i * 7 - 500).scaleb(-2),
            "score": scores[i % len(scores)],
            "ratio": None if i % 13 == 0 else i / 8,
            "active": (True, False, None)[i % 3],
            "born": date(1950, 1, 1) + timedelta(days=i),
            "updated_at": (START + timedelta(seconds=i)).replace(tzinfo=UTC),
            "seen_at": START + timedelta(microseconds=i),
            "photo": bytes([i % 256, 0, 255]) if i % 5 else b"",
            "tags": [f"t{i}", None] if i % 4 else ([] if i % 8 else None),
        }
        for i in range(PEOPLE)
    ]


CONTRACT: dict[str, Any] = {
    "key": ["person_id"],
    "event_time": "updated_at",
    "columns": {
        "person_id": "int64",
        "boss_id": "int64",
        "name": {"type": "string", "nullable": False},
        "email": {"type": "string", "matches": r"[a-z]\d+@[a-z]+\.\w{2,3}"},
        "status": {"type": "string", "accepted": ["new", "old", "gone"], "matches": r"(?i)NEW|OLD|GONE"},
        "level": {"type": "int32", "min": 0, "max": 9},
        "balance": {"type": "decimal(12,2)", "min": -6, "max": "20.5"},
        "score": {"type": "float64", "min": -1e300},
        "ratio": {"type": "float32", "max": 100},
        "active": "bool",
        "born": {"type": "date", "min": "1950-01-01"},
        "updated_at": {"type": "timestamptz", "min": "2026-01-01"},
        "seen_at": {"type": "timestamp", "max": "2026-01-02"},
        "photo": "bytes",
        "tags": "array",
    },
    "expressions": {
        "the_gone_have_no_level": "status <> 'gone' OR level < 10",
        "boss_is_older": "boss_id <= person_id",
    },
    "distribution": {
        "level": {"reference": {"quantiles": {0.25: 2, 0.5: 4, 0.75: 7}}, "psi": 0.2},
        "status": {"reference": {"categories": {"new": 1, "old": 1, "gone": 1}}},
        "updated_at": {"reference": {"edges": [1767270700], "shares": [1, 4]}, "psi": 10},
    },
    "freshness": {"within": "100000d"},
    "growth": {"least_runs": 3},
}


def _set(key: int, **values: Any) -> Damage:
    def damage(rows: list[Row]) -> None:
        rows[key].update(values)

    return damage


def _skewed(rows: list[Row]) -> None:
    for row in rows[100:200]:
        row["level"] = 3


def _many_nulls(rows: list[Row]) -> None:
    for row in rows[210:280]:
        row["name"] = None


def _lost_and_more(rows: list[Row]) -> None:
    rows.append({**rows[5]})  # written twice
    rows.append({**rows[6], "balance": Decimal("0.01")})  # two rows of one key
    rows.append({**rows[0], "person_id": 9001})
    rows.append({**rows[1], "person_id": None})
    rows.append({**rows[2], "person_id": None})
    del rows[295:298]


DAMAGES: tuple[Damage, ...] = (
    _set(20, name=None),
    _set(21, email="no address"),
    _set(22, email="n1@example.org\n"),
    _set(23, status="NEW"),
    _set(24, status="unknown"),
    _set(25, level=11, status="gone"),
    _set(26, level=-1),
    _set(27, balance=Decimal("20.51")),
    _set(28, balance=people()[28]["balance"] + Decimal("0.01")),
    _set(29, score=float("-inf")),
    _set(30, score=float("nan")),
    _set(31, ratio=float("nan")),
    _set(32, ratio=100.5),
    _set(33, active=None if people()[33]["active"] is not None else True),
    _set(34, born=date(1949, 12, 31)),
    _set(35, updated_at=datetime(2025, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    _set(36, updated_at=people()[36]["updated_at"] + timedelta(microseconds=1)),
    _set(37, seen_at=datetime(2026, 1, 2, 0, 0, 0, 1)),
    _set(38, photo=b"\x00\xff"),
    _set(39, tags=["t39"]),
    _set(40, boss_id=5000),
    _set(42, score=0.0),  # it was -0, which is the same
    _skewed,
    _many_nulls,
    _lost_and_more,
)


class Lakes:
    """Delta tables and an Iceberg catalog in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._url, self._warehouse = f"sqlite:///{folder}/catalog.db", f"file://{folder}/warehouse"
        self._catalog = iceberg_catalog("spark_tests", self._url, self._warehouse)
        self._catalog.create_namespace("n")

    def write(self, name: str, rows: list[Row]) -> None:
        """Write the rows over what a table of the name holds, in both lakes."""
        table = pa.Table.from_pylist(rows, SCHEMA)
        none = {"delta.dataSkippingNumIndexedCols": "0"}
        write_deltalake(self.folder / name, table, mode="overwrite", configuration=none)
        if not self._catalog.table_exists(f"n.{name}"):
            self._catalog.create_table(f"n.{name}", SCHEMA, properties={"write.metadata.metrics.default": "none"})
        self.iceberg(name).overwrite(table)

    def iceberg(self, name: str) -> Any:
        """Return an Iceberg table as pyiceberg has it."""
        return self._catalog.load_table(f"n.{name}")

    def stage(self, kind: str, name: str, table: str, **fields: Any) -> Any:
        """Return the declaration of a table as a stage."""
        place: dict[str, Any] = {"path": str(self.folder / table)}
        if kind == "iceberg_table":
            catalog = {"name": "spark_tests", "url": self._url, "warehouse": self._warehouse}
            place = {"catalog": catalog, "table": f"n.{table}"}
        declared = {"name": name, "kind": kind, "contract": CONTRACT, **place, **fields}
        return declaration_class(kind).model_validate(declared)

    def pipeline(self, engine: Any = None) -> Pipeline:
        """Return a pipeline of a table of each lake and a copy of each in the other."""
        stages = []
        for own, other in (("delta", "iceberg"), ("iceberg", "delta")):
            references = {**CONTRACT, "references": {"boss_id": f"{own}_people.person_id"}}
            covers = {"commit_metadata": "covers"}
            stages.append(self.stage(f"{own}_table", f"{own}_people", "people", covers=covers))
            copied = {"from": f"{own}_people", "lag_limit": 0, "contract": references}
            stages.append(self.stage(f"{other}_table", f"{other}_of_{own}", "copies", **copied))
        return Pipeline.model_validate({"name": "lakes", "stages": tuple(stages), "engine": engine})

    def close(self) -> None:
        """Give back the catalog's connections."""
        self._catalog.close()
