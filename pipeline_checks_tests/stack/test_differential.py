"""Our findings against a full outer join in plain Python: every pair of stages, every type, random damage and cuts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import polars as pl
import pyarrow as pa
import pytest
from deltalake import write_deltalake
from hypothesis import HealthCheck, Phase, given, settings

from pipeline_checks.clients.lake import iceberg_catalog
from pipeline_checks.clients.postgres import connect
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.contract import Contract
from pipeline_checks.model.kinds import SOURCE_KINDS, TOPIC_KINDS
from pipeline_checks.model.measure import CoverageState, KeyDifference, RowDifference
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.stage import PinnedStage, StageDeclaration
from pipeline_checks.stages.postgres_cut import open_cut
from pipeline_checks.stages.registry import declaration_class, open_stage
from pipeline_checks.values.arrow_types import to_arrow
from pipeline_checks.verification.copies import settle_copy
from pipeline_checks.verification.history import TopicHistory
from pipeline_checks.verification.key_comparison import KeyComparer
from pipeline_checks.verification.load_comparison import LoadComparisons
from pipeline_checks.verification.narrowing import Narrower
from pipeline_checks.verification.pinning import read_keys
from pipeline_checks.verification.reconciling import Reconciler
from pipeline_checks.verification.settled import Settled
from pipeline_checks_tests.stack.differential import PARTITIONS, TYPES, World, as_json, full_outer_join, same, worlds
from pipeline_checks_tests.stack.topics import brokers, produce, topic

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("base_stack")]

EXAMPLES = {"deadline": None, "suppress_health_check": list(HealthCheck), "phases": [Phase.generate, Phase.shrink]}
_MOOD = """
DO $$ BEGIN CREATE TYPE differential_mood AS ENUM ('sad', 'ok', 'happy'); EXCEPTION WHEN duplicate_object THEN END $$
"""
COVERED = CoverageState(True, 0.0, 1)


class Stages:
    """The stages of one world, pinned; what a session's pinner tells of them."""

    def __init__(self, pipeline: Pipeline, settled: dict[str, Settled], history: TopicHistory) -> None:
        self._pipeline, self._settled, self._history = pipeline, settled, history

    def settled(self, declaration: StageDeclaration) -> Settled:
        return self._settled[declaration.name]

    def history(self, name: str) -> TopicHistory:
        return self._history

    def copy_of(self, declaration: StageDeclaration) -> None:
        """All tables of the world say what they cover."""

    def fed_topic(self, declaration: StageDeclaration) -> None:
        """No topic of the world is filled from a feed."""

    def source_of(self, declaration: StageDeclaration) -> StageDeclaration | None:
        return next((s for s in self._pipeline.ancestors(declaration) if s.kind in SOURCE_KINDS), None)

    def topics_of(self, declaration: StageDeclaration) -> list[StageDeclaration]:
        return [s for s in self._pipeline.upstream(declaration) if s.kind in TOPIC_KINDS]

    def source_keys(self, source: StageDeclaration) -> pl.DataFrame:
        pinned = self._settled[source.name].pinned
        assert pinned is not None
        return read_keys(pinned, source.contract.key)


class Held:
    """Rows in hand, as an API has given them."""

    def __init__(self, position: Any, rows: pa.Table) -> None:
        self.position, self._rows = position, rows

    def rows(self, columns: Any = None) -> pa.Table:
        return self._rows if columns is None else self._rows.select(list(columns))


def _contract(world: World) -> Contract:
    columns = {"id": "int64", **{c: TYPES[c][0] for c in world.columns}}
    return Contract.model_validate({"key": ["id"], "columns": columns})


def _arrow(world: World, stage: str) -> pa.Table:
    contract = _contract(world)
    rows = world.held(stage)

    def written(value: Any) -> Any:
        return json.dumps(value) if isinstance(value, list) else value

    return pa.table({c: pa.array([written(r[c]) for r in rows], to_arrow(d.type)) for c, d in contract.columns.items()})


def _fill_source(world: World, table: str) -> None:
    rows = world.source().values()
    with connect(setting("POSTGRES_URL")) as connection:
        connection.execute(_MOOD)
        types = "".join(f", {c} {TYPES[c][1]}" for c in world.columns)
        connection.execute(f"CREATE TABLE {table} (id bigint PRIMARY KEY{types})")
        marks = ", ".join(["%s"] * (1 + len(world.columns)))
        with connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO {table} VALUES ({marks})", [tuple(r.values()) for r in rows])


def _fill_topic(world: World, name: str, xmax: int) -> None:
    records = []
    for partition, held in world.records().items():
        for offset, (event, row) in enumerate(held):
            op = "d" if row is None else "c" if event.is_first else "u"
            written = None if row is None else {c: as_json(c, v) for c, v in row.items()}
            origin = {"txId": 3 if event.in_cut else xmax + 10, "lsn": 100 + offset, "ts_ms": 1}
            before = {"id": event.key} if row is None else None
            value = {"before": before, "after": written, "op": op, "source": origin, "ts_ms": 1}
            records.append((partition, json.dumps({"id": event.key}).encode(), json.dumps(value).encode()))
    produce(name, records)


def _stage(kind: str, name: str, world: World, **fields: Any) -> StageDeclaration:
    return declaration_class(kind).model_validate({"name": name, "kind": kind, "contract": _contract(world), **fields})


def _newest(declaration: StageDeclaration) -> PinnedStage:
    reader = open_stage(declaration)
    return reader.at(reader.reached().position)


def _differences(world: World, folder: Path) -> Iterator[tuple[str, KeyDifference, RowDifference]]:
    """Build the world on real stages and yield what our comparisons say of each stage."""
    table = f"differential_{uuid4().hex[:12]}"
    _fill_source(world, table)
    cut = open_cut(setting("POSTGRES_URL"))
    try:
        with topic(PARTITIONS) as name:
            _fill_topic(world, name, cut.cut.snapshot.xmax)
            yield from _compared(world, folder, table, name, cut)
    finally:
        cut.close()
        with connect(setting("POSTGRES_URL")) as connection:
            connection.execute(f"DROP TABLE {table}")


def _compared(
    world: World, folder: Path, table: str, name: str, cut: Any
) -> Iterator[tuple[str, KeyDifference, RowDifference]]:
    source = _stage("postgres_table", "pg", world, table=f"public.{table}", connection={"url": {"env": "POSTGRES_URL"}})
    told = _stage("debezium_topic", "topic", world, brokers=brokers(), topic=name, **{"from": "pg"})
    covers = {"commit_metadata": "covers"}
    write_deltalake(folder / "delta", _arrow(world, "delta"))
    url, warehouse = f"sqlite:///{folder}/catalog.db", f"file://{folder}/warehouse"
    catalog = iceberg_catalog("demo", url, warehouse)
    catalog.create_namespace("cdc")
    rows = _arrow(world, "iceberg")
    catalog.create_table("cdc.copy", rows.schema).append(rows)
    lake = {"name": "demo", "url": url, "warehouse": warehouse}
    delta = _stage("delta_table", "delta", world, path=str(folder / "delta"), covers=covers, **{"from": "topic"})
    iceberg = _stage(
        "iceberg_table", "iceberg", world, catalog=lake, table="cdc.copy", covers=covers, **{"from": "topic"}
    )
    api = _stage("http_api", "api", world, url={"env": "NOT_ASKED"}, resource="copy", **{"from": "delta"})
    pipeline = Pipeline(name="differential", stages=(source, told, delta, iceberg, api))
    reader = open_stage(told)
    pinned = reader.at(reader.reached().position)
    history = TopicHistory(told, name, reader, pinned, dict.fromkeys(range(PARTITIONS), 0), cut.cut)  # type: ignore[arg-type]
    in_delta = _newest(delta)
    settled = {
        "pg": Settled(source, cut.table(source), COVERED),  # type: ignore[arg-type]
        "topic": Settled(told, pinned, COVERED),
        "delta": Settled(delta, in_delta, COVERED, OffsetsPosition.of({name: world.offsets("delta")})),
        "iceberg": Settled(iceberg, _newest(iceberg), COVERED, OffsetsPosition.of({name: world.offsets("iceberg")})),
        "api": Settled(api, Held(in_delta.position, _arrow(world, "api")), COVERED),  # type: ignore[arg-type]
    }
    stages: Any = Stages(pipeline, settled, history)
    narrower = Narrower()
    loads = LoadComparisons(pipeline, stages)
    keys, values = KeyComparer(pipeline, stages, narrower, loads), Reconciler(pipeline, stages, narrower, loads)
    for stage in ("topic", "delta", "iceberg", "api"):
        yield stage, keys.difference(settled[stage]), values.difference(settled[stage])
    unsaid = {"covers": "none", "lag_limit": 0}
    for stage, original in (("delta", "pg"), ("iceberg", "pg"), ("iceberg", "delta")):
        declared = settled[stage].declaration.model_copy(update=unsaid)
        now = open_stage(settled[original].declaration)
        _, copy = settle_copy(declared, open_stage(declared), settled[original], now, Deadline(30), 0)
        now.close()
        assert copy is not None
        yield f"{original}-{stage}", copy.keys(), copy.rows()
    reader.close()
    catalog.close()  # type: ignore[attr-defined]


def _assert_equal_to_a_full_outer_join(world: World) -> None:
    with TemporaryDirectory() as folder:
        for stage, keys, values in _differences(world, Path(folder)):
            if stage == "topic":
                told = full_outer_join(world.source(), list(world.told().values()))
            elif stage == "api":
                told = full_outer_join({r["id"]: r for r in world.held("delta")}, world.held("api"))
            elif "-" in stage:
                original, copy = stage.split("-")
                rows = world.source() if original == "pg" else {r["id"]: r for r in world.held(original)}
                told = full_outer_join(rows, world.held(copy))
            else:
                told = full_outer_join(world.expected(stage), world.held(stage))
            assert {k["id"] for k, _ in keys.missing} == told["missing"], stage
            assert {k["id"] for k, _ in keys.unexpected} == told["unexpected"], stage
            assert (keys.rows > keys.distinct_keys) == bool(told["doubled"]), stage
            assert {row.key["id"] for row in values.changed} == told["changed"], stage
            assert values.changed_total == len(told["changed"]), stage
            assert values.skipped == {}, stage
            if stage in ("delta", "iceberg"):
                at_topic = {k for k, row in world.source().items() if not same(world.told().get(k), row)}
                blamed = {row.key["id"]: row.stage for row in values.changed}
                moved = world.moved(stage)
                for key, first in blamed.items():
                    assert first == ("topic" if key in at_topic and key not in moved else stage), (stage, key)


@settings(max_examples=12, **EXAMPLES)  # type: ignore[arg-type]
@given(world=worlds())
def test_findings_are_those_of_a_full_outer_join(world: World) -> None:
    _assert_equal_to_a_full_outer_join(world)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@settings(max_examples=400, **EXAMPLES)  # type: ignore[arg-type]
@given(world=worlds())
def test_findings_of_many_worlds_are_those_of_a_full_outer_join(world: World) -> None:
    _assert_equal_to_a_full_outer_join(world)
