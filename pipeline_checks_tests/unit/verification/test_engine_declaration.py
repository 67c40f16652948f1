"""The engine of a pipeline: how it is written, what is wrong with it, and what is judged while its Spark is away."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from pipeline_checks.clients.spark_connect import URL_VARIABLE
from pipeline_checks.model.engine import EngineDeclaration, SessionResource
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.secret import EnvironmentVariable
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.pipelines.parts import services_of
from pipeline_checks.stages.registry import declaration_class
from pipeline_checks.verification.session import VerificationSession
from pipeline_checks.verification.spark_sessions import SparkSessions
from pipeline_checks_tests.unit.verification.yaml_pipeline import SHOP, line_of, load


def with_engine(engine: str) -> str:
    return SHOP.replace("  name: shop\n", f"  name: shop\n  engine: {engine}\n")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("{spark: 'sc://spark:15002'}", "sc://spark:15002"),
        ("{spark: {env: SPARK_URL}}", EnvironmentVariable(env="SPARK_URL")),
        ("{spark: {resource: pyspark}}", SessionResource(resource="pyspark")),
    ],
)
def test_an_engine_is_a_url_a_variable_or_a_resource(tmp_path: Path, written: str, meant: Any) -> None:
    engine = load(tmp_path, with_engine(written)).engine
    assert engine is not None
    assert engine.spark == meant


def test_without_a_word_this_machine_reads(tmp_path: Path) -> None:
    assert load(tmp_path, SHOP).engine is None


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("{spark: 'http://spark:8080'}", "must be sc://HOST:PORT, {env: NAME} or {resource: NAME}"),
        ("{spark: 'sc://spark:15002/;token=abc'}", "a literal secret is refused"),
        ("{spark: {envy: X}}", "must be sc://HOST:PORT"),
        ("{spark: {env: 'not a name'}}", "should match pattern"),
        ("{sparc: 'sc://spark:15002'}", "an engine has no field 'sparc'"),
        ("spark", "attributes.engine"),
    ],
)
def test_what_is_wrong_with_an_engine_is_told_with_its_line(tmp_path: Path, written: str, told: str) -> None:
    text = with_engine(written)
    with pytest.raises(ConfigurationError) as refused:
        load(tmp_path, text)
    assert told in str(refused.value)
    assert f"defs.yaml:{line_of(text, 'engine:')}: attributes.engine" in str(refused.value)
    assert "abc" not in str(refused.value)


def test_the_embedded_server_is_started_for_a_pipeline_that_wants_it_only(tmp_path: Path) -> None:
    def names(engine: str) -> list[str]:
        return [s.name for s in services_of([load(tmp_path, with_engine(engine))])]

    assert names(f"{{spark: {{env: {URL_VARIABLE}}}}}") == ["spark_connect"]
    assert names("{spark: {env: SPARK_OF_THE_COMPANY}}") == []
    assert services_of([load(tmp_path, SHOP)]) == []


def test_a_command_takes_the_url_of_a_resource_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPARK_REMOTE", raising=False)
    sessions = SparkSessions(EngineDeclaration.model_validate({"spark": {"resource": "pyspark"}}))
    with pytest.raises(ConfigurationError, match="Set SPARK_REMOTE"):
        sessions()
    sessions.close()


def test_while_spark_is_away_nothing_that_needs_rows_is_green(tmp_path: Path) -> None:
    rows = pa.table({"id": pa.array([1, 2], pa.int64()), "name": ["a", "b"]})
    # Without statistics, so that values are asked of the rows.
    write_deltalake(tmp_path / "t", rows, configuration={"delta.dataSkippingNumIndexedCols": "0"})
    columns = {"id": "int64", "name": {"type": "string", "nullable": False, "matches": "[a-z]"}}
    contract = {"key": ["id"], "columns": columns, "expressions": {"named": "name <> ''"}}
    stage = {"name": "t", "kind": "delta_table", "path": str(tmp_path / "t"), "contract": contract}
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        engine = {"spark": f"sc://127.0.0.1:{taken.getsockname()[1]}"}
    declared = declaration_class("delta_table").model_validate(stage)
    with VerificationSession(
        Pipeline.model_validate({"name": "p", "stages": (declared,), "engine": engine})
    ) as session:
        results = {r.check: r for r in session.evaluate("t")}
    need_rows = {"counts", "duplicates", "nulls", "values", "expressions"}
    assert {kind: results[kind].verdict for kind in need_rows} == dict.fromkeys(need_rows, Verdict.ERROR)
    assert all("Spark does not listen" in results[kind].judgement.message for kind in need_rows)
    assert results["schema"].verdict is Verdict.PASS  # the log alone tells of it
