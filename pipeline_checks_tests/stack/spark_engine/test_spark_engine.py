"""One test for all kinds of checks: what Spark finds in Delta and Iceberg is what the engines of this machine find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
from dagster_pyspark import LazyPySparkResource
from pyspark.sql.connect.session import SparkSession

from pipeline_checks.checks.registry import KINDS
from pipeline_checks.clients.settings import HOME_VARIABLE
from pipeline_checks.clients.spark_connect import close, connect
from pipeline_checks.clients.spark_rows import SparkRows
from pipeline_checks.engines.bucket_hashes import hashed_buckets
from pipeline_checks.model.engine import EngineDeclaration
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.measure import RowCount
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.orchestration.build import build_pipeline_definitions
from pipeline_checks.stack.embedded import EmbeddedProvider
from pipeline_checks.stack.environment import read_env
from pipeline_checks.stack.service import Placement
from pipeline_checks.stack.services.spark_connect import spark_connect
from pipeline_checks.stages.registry import open_stage
from pipeline_checks.stages.spark_tables import SparkPinned, in_spark
from pipeline_checks.values.buckets import BucketPlan
from pipeline_checks.values.patterns import for_java
from pipeline_checks.verification.session import VerificationSession
from pipeline_checks.verification.spark_sessions import SparkSessions
from pipeline_checks_tests.stack.spark_engine.lakes import DAMAGES, PEOPLE, Lakes, people
from pipeline_checks_tests.unit.values.test_patterns import PATTERNS, VALUES

OF_EVENTS = {"accounting", "ordering", "transactions", "latency", "json_schema", "topic_settings", "throughput", "lag"}
"""Kinds of checks about topics, connectors and the events of both: no rows of a table are read for them."""
OF_OTHERS = {"manifest", "conservation", "dead_letters", "model", "predictions", "rejected", "commits"}
"""Those of files, models, dead letters and what consumers make of records."""
OF_FEEDS = {"sequence", "balance", "exact_columns"}
"""Those that only contracts of feeds promise, which no table here has."""
OF_WAREHOUSES = {"fates", "totals", "dbt_tests", "quality_score", "delay"}
"""Those that only contracts from files to a warehouse promise, which no table here has."""
OF_LOADS = {
    *("discovery", "loads", "content", "evolution", "bytes", "run_totals", "arrival", "leases"),
    *("served_loads", "served_table"),
}
"""Those of services that load files and keep a ledger of it."""
QUICK = {
    # The tables are small, so that compiling the queries takes longer than running them as they are.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.shuffle.partitions": "1",
    "spark.default.parallelism": "1",
    "spark.databricks.delta.snapshotPartitions": "1",
}
CLEAN, DAMAGED = ("delta_people", "iceberg_of_delta"), ("iceberg_of_delta", "delta_of_iceberg")

# A test starts a server and makes it compile what it needs, which takes long where others use the machine.
pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

Judged = dict[tuple[str, str], dict[str, Any]]
Judge = Callable[[Lakes, Any, tuple[str, ...]], Judged]


@pytest.fixture(scope="module")
def server(module_home: Path) -> str:
    """Return the URL of a Spark Connect server."""
    provider, service = EmbeddedProvider(module_home), spark_connect()

    def prepare(placement: Placement) -> None:
        service.prepare(placement)
        with (placement.folder / "spark-defaults.conf").open("a") as file:
            file.writelines(f"{name} {value}\n" for name, value in QUICK.items())

    provider.up([replace(service, prepare=prepare)])
    return read_env(provider.home)["SPARK_CONNECT_URL"]


@pytest.fixture
def lakes(tmp_path: Path) -> Iterator[Lakes]:
    made = Lakes(tmp_path)
    yield made
    made.close()


@pytest.fixture
def judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Judge:
    """Return what judges some stages, with a ledger of its own for each engine."""

    def judge(lakes: Lakes, engine: Any, stages: tuple[str, ...]) -> Judged:
        monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / ("home" if engine is None else "home_of_spark")))
        with VerificationSession(lakes.pipeline(engine)) as session:
            results = [result for stage in stages for result in session.evaluate(stage)]
        return {(r.stage, r.check): _told(r.to_json()) for r in results}

    return judge


def _told(result: dict[str, Any]) -> dict[str, Any]:
    """Leave out what the clock makes different from run to run."""
    del result["seconds"]
    result["measures"] = {name: v for name, v in result["measures"].items() if not name.endswith("_seconds")}
    if result["check"] == "freshness":
        del result["message"]
    return result


def test_every_kind_of_check_finds_in_spark_what_it_finds_here(server: str, lakes: Lakes, judged: Judge) -> None:
    lakes.write("people", people())
    lakes.write("copies", people())
    here, there = (judged(lakes, engine, CLEAN) for engine in (None, {"spark": server}))
    assert {kind for _, kind in here} == set(KINDS) - OF_EVENTS - OF_OTHERS - OF_FEEDS - OF_WAREHOUSES - OF_LOADS
    for place, result in here.items():
        assert there[place] == result
        # Its commits do not say what they cover, so that they are another writer's; growth has no history yet.
        assert result["verdict"] == {"continuity": "FAIL", "growth": "WARN"}.get(place[1], "PASS"), result

    damaged = people()
    for damage in DAMAGES:
        damage(damaged)
    lakes.write("copies", damaged)
    here, there = (judged(lakes, engine, DAMAGED) for engine in (None, {"spark": server}))
    assert set(here) == set(there)
    for place, result in here.items():
        assert there[place] == result
    failed = {kind for (_, kind), result in here.items() if result["verdict"] == "FAIL"}
    promises = {"nulls", "values", "expressions", "references", "distribution"}
    assert failed == {"counts", "duplicates", "reconcile", *promises}


def test_spark_reads_the_pinned_version_whatever_is_written_later(
    server: str, lakes: Lakes, request: pytest.FixtureRequest
) -> None:
    lakes.write("people", people())
    sessions = SparkSessions(EngineDeclaration.model_validate({"spark": server}))

    request.addfinalizer(sessions.close)

    def pinned(kind: str) -> SparkPinned:
        reader = in_spark(open_stage(lakes.stage(kind, "people", "people")), sessions)
        found = reader.at(reader.reached().position)
        assert isinstance(found, SparkPinned)
        return found

    before = [pinned("delta_table"), pinned("iceberg_table")]
    delta = open_stage(lakes.stage("delta_table", "people", "people"))
    here = delta.at(delta.reached().position)
    asked = ("person_id", ("name", "balance", "updated_at", "active"), (), {}, BucketPlan.of(0, PEOPLE, PEOPLE))
    expected = hashed_buckets(here.rows(), *asked)
    for one in before:
        found = hashed_buckets(one.rows(), *asked)
        assert expected is not None
        assert found is not None
        assert found.equal(expected).all()
    lakes.write("people", people()[:10])
    with lakes.iceberg("people").update_schema() as change:
        change.rename_column("name", "full_name")
    for one in before:
        assert one.rows(["person_id"]).read_all().num_rows == PEOPLE
        assert one.rows_outside(["name"], "person_id", [(0, 99), (290, 400)]).read_all().num_rows == 190
        with pytest.raises(TerminalError, match="no column 'full_name'"):
            one.rows(["full_name"])
    # The newest snapshot is read with the names that its columns have got since.
    renamed = pinned("iceberg_table")
    assert renamed.rows(["full_name"]).read_all().column("full_name").to_pylist() == [r["name"] for r in people()[:10]]
    assert renamed.answer(frozenset({RowCount()}))[RowCount()].value == 10


def test_java_judges_a_rewritten_pattern_as_duckdb_judges_the_pattern(server: str) -> None:
    rewritten = {pattern: java for pattern in PATTERNS if (java := for_java(pattern)) is not None}
    assert len(rewritten) > 25
    session = connect(server)
    values = session.createDataFrame(list(enumerate(VALUES)), "place int, v string")

    def asked(frame: Any, functions: Any) -> Any:
        told = [functions.col("v").rlike(java).alias(pattern) for pattern, java in rewritten.items()]
        return frame.select("place", *told)

    try:
        found = SparkRows(values, "asking of patterns").ask(asked).to_pylist()
    finally:
        close(session)
    assert len(found) == len(VALUES)
    with duckdb.connect(":memory:") as here:
        for row in found:
            for pattern in rewritten:
                value = VALUES[row["place"]]
                expected = here.execute("SELECT regexp_full_match(?, ?)", [value, pattern]).fetchone()
                assert expected == (row[pattern],), (value, pattern)


def test_a_run_of_dagster_takes_the_session_from_its_resource(
    server: str, lakes: Lakes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for left_by_pyspark in ("SPARK_REMOTE", "SPARK_CONNECT_MODE_ENABLED", "SPARK_LOCAL_REMOTE"):
        monkeypatch.setenv(left_by_pyspark, "")
        monkeypatch.delenv(left_by_pyspark)
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    lakes.write("people", people())
    columns = {"person_id": "int64", "level": {"type": "int32", "nullable": False, "max": 9}}
    stage = lakes.stage("delta_table", "people", "people", contract={"key": ["person_id"], "columns": columns})
    engine = {"spark": {"resource": "pyspark"}}
    pipeline = Pipeline.model_validate({"name": "lakes", "stages": (stage,), "engine": engine})
    resource = LazyPySparkResource(spark_config={"spark.remote": server})
    ours = build_pipeline_definitions(pipeline)
    defs = dg.Definitions.merge(ours, dg.Definitions(resources={"pyspark": resource}))
    try:
        result = defs.resolve_job_def("lakes_check").execute_in_process()
    finally:
        # pyspark would go on asking for its server when this process ends.
        SparkSession.builder.remote(server).getOrCreate().stop()
    passed = {e.check_name for e in result.get_asset_check_evaluations() if e.passed}
    assert {"counts", "duplicates", "nulls", "values"} <= passed

    with VerificationSession(pipeline) as session:  # as a command has it
        without = {r.check: r for r in session.evaluate("people")}
    assert str(without["values"].verdict) == "ERROR"
    assert "SPARK_REMOTE" in without["values"].judgement.message
