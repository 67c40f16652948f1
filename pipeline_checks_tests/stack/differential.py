"""Small worlds for a differential test: a source, a topic, two lake tables and an API, damaged at random.

What must be said of them is told by a full outer join written out in plain Python.
"""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from hypothesis import strategies as st

PARTITIONS = 2
Row = dict[str, Any]

TYPES: dict[str, tuple[str, str]] = {
    "whole": ("int32", "integer"),
    "wide": ("int64", "bigint"),
    "flag": ("bool", "boolean"),
    "text": ("string", "text"),
    "money": ("decimal(12,2)", "numeric(12,2)"),
    "loose": ("decimal(30,4)", "numeric(30,4)"),
    "free": ("decimal", "numeric"),
    "ratio": ("float64", "double precision"),
    "single": ("float32", "real"),
    "day": ("date", "date"),
    "at": ("timestamp", "timestamp"),
    "instant": ("timestamptz", "timestamptz"),
    "raw": ("bytes", "bytea"),
    "paper": ("json", "jsonb"),
    "mark": ("uuid", "uuid"),
    "tags": ("array", "text[]"),
    "numbers": ("array", "integer[]"),
    "mood": ("string", "differential_mood"),
    "padded": ("string", "char(8)"),
    "zoned": ("string", "timetz"),
}
"""Column to logical type and type in Postgres."""

_TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=8)
_MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1))
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "whole": st.integers(-(2**31), 2**31 - 1),
    "wide": st.integers(-(2**63), 2**63 - 1),
    "flag": st.booleans(),
    "text": _TEXTS,
    "money": st.decimals(-(10**9), 10**9, places=2),
    "loose": st.decimals(-(10**20), 10**20, places=4),
    "free": st.decimals(-(10**12), 10**12, places=6),
    "ratio": st.floats() | st.just(-0.0),
    "single": st.floats(width=32),
    "day": st.dates(date(1900, 1, 1), date(2100, 1, 1)),
    "at": _MOMENTS,
    "instant": _MOMENTS.map(lambda m: m.replace(tzinfo=UTC)),
    "raw": st.binary(max_size=8),
    "paper": st.dictionaries(st.sampled_from("abc"), st.integers(0, 9)).map(lambda d: json.dumps(d, sort_keys=True)),
    "mark": st.uuids().map(str),
    "tags": st.lists(st.none() | _TEXTS, max_size=3),
    "numbers": st.lists(st.integers(-9, 9), max_size=3),
    "mood": st.sampled_from(["sad", "ok", "happy"]),
    "padded": _TEXTS.map(lambda text: text.ljust(8)),
    "zoned": st.times().map(lambda t: _trimmed(t.isoformat()) + "Z"),
}


@dataclass(frozen=True)
class Event:
    """A change of one key: its row behind it, None for a delete."""

    key: int
    row: Row | None
    in_cut: bool
    is_first: bool


@dataclass(frozen=True)
class Damage:
    """What is done to one stage behind everyone's back."""

    stage: Literal["topic", "delta", "iceberg", "api"]
    kind: Literal["drop", "add", "alter", "double"]
    key: int
    column: str
    value: Any


@dataclass
class World:
    """Everything of one example. ``ahead`` says how many events behind the cut a table has applied, by partition."""

    columns: tuple[str, ...]
    events: list[Event]
    ahead: dict[str, tuple[int, ...]]
    damages: list[Damage] = field(default_factory=list)

    def records(self) -> dict[int, list[tuple[Event, Row | None]]]:
        """Events by partition in their order, each with its row as the (damaged) topic tells it."""
        altered = {d.key: d for d in self.damages if d.stage == "topic" and d.kind == "alter"}
        last = {e.key: e for e in self.events if e.in_cut}
        found: dict[int, list[tuple[Event, Row | None]]] = {p: [] for p in range(PARTITIONS)}
        for event in self.events:
            row = event.row
            damage = altered.get(event.key)
            if row is not None and damage is not None and last.get(event.key) is event:
                row = {**row, damage.column: damage.value}
            found[event.key % PARTITIONS].append((event, row))
        return found

    def source(self) -> dict[int, Row]:
        """Rows at the cut."""
        return _folded((e.key, e.row) for e in self.events if e.in_cut)

    def told(self) -> dict[int, Row]:
        """Rows at the cut as the topic tells them."""
        return _folded((e.key, row) for records in self.records().values() for e, row in records if e.in_cut)

    def offsets(self, table: str) -> dict[int, int]:
        """The next offset that a table covers, by partition: all of the cut, and some events behind it."""
        return {
            p: sum(e.in_cut for e, _ in records) + min(self.ahead[table][p], sum(not e.in_cut for e, _ in records))
            for p, records in self.records().items()
        }

    def applied(self, table: str) -> dict[int, Row]:
        """What the flow has made of the topic in a table."""
        ends = self.offsets(table)
        return _folded((e.key, row) for p, records in self.records().items() for e, row in records[: ends[p]])

    def moved(self, table: str) -> set[int]:
        """Keys with an event that the table has applied and the cut does not see."""
        ends = self.offsets(table)
        return {e.key for p, records in self.records().items() for e, _ in records[: ends[p]] if not e.in_cut}

    def expected(self, table: str) -> dict[int, Row]:
        """What a table must hold: the source's rows, but for the keys moved since the topic's."""
        applied, moved = self.applied(table), self.moved(table)
        unmoved = {k: row for k, row in self.source().items() if k not in moved}
        return {**unmoved, **{k: row for k, row in applied.items() if k in moved}}

    def held(self, stage: str) -> list[Row]:
        """The rows of a stage as they are after the damage."""
        rows = list((self.applied("delta") if stage == "api" else self.applied(stage)).values())
        if stage == "api":
            rows = self.held("delta")
        for damage in self.damages:
            if damage.stage == stage:
                rows = _damaged(rows, damage, self.columns)
        return rows


def full_outer_join(expected: dict[int, Row], found: list[Row]) -> dict[str, set[int]]:
    """Return the keys that are missing, unexpected, changed and doubled."""
    by_key: dict[int, list[Row]] = {}
    for row in found:
        by_key.setdefault(row["id"], []).append(row)
    return {
        "missing": {k for k in expected if k not in by_key},
        "unexpected": {k for k in by_key if k not in expected},
        "changed": {k for k, rows in by_key.items() if k in expected and any(not same(r, expected[k]) for r in rows)},
        "doubled": {k for k, rows in by_key.items() if len(rows) > 1},
    }


def same(one: Row | None, other: Row | None) -> bool:
    """Whether two rows are equal: NaN is NaN, and there is one zero."""
    if one is None or other is None:
        return one is other
    return {k: _plain(v) for k, v in one.items()} == {k: _plain(v) for k, v in other.items()}


def _plain(value: Any) -> Any:
    return str(value + 0.0) if isinstance(value, float) else value


def _trimmed(text: str) -> str:
    return text.rstrip("0") if "." in text else text


def _folded(changes: Any) -> dict[int, Row]:
    rows: dict[int, Row] = {}
    for key, row in changes:
        if row is None:
            rows.pop(key, None)
        else:
            rows[key] = row
    return rows


def _damaged(rows: list[Row], damage: Damage, columns: tuple[str, ...]) -> list[Row]:
    if damage.kind == "drop":
        return [r for r in rows if r["id"] != damage.key]
    if damage.kind == "double":
        return [*rows, *(dict(r) for r in rows if r["id"] == damage.key)]
    if damage.kind == "add":
        held = any(r["id"] == damage.key for r in rows)
        return rows if held else [*rows, {"id": damage.key, **dict.fromkeys(columns), damage.column: damage.value}]
    return [{**r, damage.column: damage.value} if r["id"] == damage.key else r for r in rows]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Draw a world."""
    columns = tuple(draw(st.lists(st.sampled_from(list(TYPES)), min_size=1, max_size=5, unique=True)))

    def row(key: int) -> Row:
        return {"id": key, **{c: draw(st.none() | _VALUES[c]) for c in columns}}

    events, alive = [], set()
    for in_cut, most in ((True, 16), (False, 6)):
        for key in draw(st.lists(st.integers(0, 7), min_size=4 if in_cut else 0, max_size=most)):
            gone = key in alive and draw(st.integers(0, 3)) == 0
            events.append(Event(key, None if gone else row(key), in_cut, key not in alive))
            (alive.discard if gone else alive.add)(key)
    ahead = {t: (draw(st.integers(0, 6)), draw(st.integers(0, 6))) for t in ("delta", "iceberg")}
    stages = st.sampled_from(["topic", "delta", "iceberg", "api"])
    damages = []
    for _ in range(draw(st.integers(0, 6))):
        stage, column = draw(stages), draw(st.sampled_from(columns))
        kind = "alter" if stage == "topic" else draw(st.sampled_from(["drop", "add", "alter", "double"]))
        damages.append(Damage(stage, kind, draw(st.integers(0, 9)), column, draw(st.none() | _VALUES[column])))
    return World(columns, events, ahead, damages)


def as_json(name: str, value: Any) -> Any:
    """Return a value as Debezium writes it without a schema."""
    if value is None:
        return None
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, float) and not math.isfinite(value):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    if isinstance(value, datetime):
        naive = value.replace(tzinfo=None)
        if name == "instant":
            return naive.isoformat(timespec="microseconds") + "Z"
        return (naive - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    if isinstance(value, date):
        return (value - date(1970, 1, 1)).days
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value
