"""The kinds of checks, which stage gets which, and what holds for all of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pipeline_checks.checks
from pipeline_checks.checks.registry import KINDS, check, checks_of
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.finding import FINDING_KINDS
from pipeline_checks.model.measure import (
    Coverage,
    CoverageState,
    DuplicateClasses,
    DuplicateKeys,
    DuplicateSample,
    Facts,
    Grade,
    KeyComparison,
    Latencies,
    LatencySample,
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
from pipeline_checks.model.previous import Previous, PreviousState
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Verdict
from pipeline_checks_tests.unit.checks.cases import (
    HEALTHY,
    NOW,
    PROMISED,
    AnyStage,
    api,
    change_log,
    connector,
    difference,
    judge,
    schema,
    source,
    stage,
    table,
    topic,
)

ALL: tuple[Callable[..., AnyStage], ...] = (source, topic, table, change_log, api, connector)
EXPECTED = {
    source: "counts schema duplicates freshness nulls values",
    topic: "counts schema duplicates freshness reconcile nulls values latency accounting ordering",
    table: "counts schema duplicates freshness reconcile nulls values continuity",
    change_log: "counts schema duplicates freshness reconcile nulls latency continuity",
    api: "counts schema duplicates freshness reconcile nulls values latency",
    connector: "continuity",
}


@pytest.mark.parametrize("make", ALL)
def test_each_stage_gets_the_checks_of_its_kind(make: Callable[..., AnyStage]) -> None:
    assert [c.kind for c in checks_of(make())] == EXPECTED[make].split()


def test_a_stage_with_a_key_only_gets_the_four_that_nothing_must_be_written_for() -> None:
    bare = stage("delta_table", {"key": ["id"]})
    assert [c.kind for c in checks_of(bare)] == ["counts", "schema", "duplicates", "freshness"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_check_is_named_like_its_module(kind: str) -> None:
    assert check(kind).kind == kind


def test_an_unknown_kind_is_refused_naming_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="The checks are: counts, schema"):
        check("count")


def test_the_checks_import_nothing_but_the_model() -> None:
    folder = Path(str(pipeline_checks.checks.__file__)).parent
    for file in folder.glob("*.py"):
        for line in file.read_text().splitlines():
            words = line.split()
            if words[:1] in (["import"], ["from"]) and words[1].startswith("pipeline_checks."):
                assert words[1].startswith(("pipeline_checks.model.", "pipeline_checks.checks.")), (file.name, line)


def test_the_checks_load_no_driver_and_no_engine() -> None:
    program = (
        "import sys\nfrom pipeline_checks.checks.registry import KINDS, check\n[check(k) for k in KINDS]\n"
        "heavy = {'dagster','duckdb','polars','pyarrow','deltalake','pyiceberg','psycopg','confluent_kafka','httpx'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


COUNTS = st.integers(0, 3)
GRADES = st.sampled_from(Grade)
COVERAGES = st.builds(
    CoverageState, st.sampled_from([True, False, None]), st.sampled_from([None, 0.0, 5.0, 100.0]), COUNTS
)
STATES = st.sampled_from(["RUNNING", "FAILED", "PAUSED", None])


def duplicates(keys: int) -> DuplicateSample:
    return DuplicateSample(keys, keys, tuple(({"order_id": i}, 2) for i in range(keys)))


def values_of(draw: st.DrawFn, measure: Measure, rows: int) -> Any:
    """Draw a value that the measure can have of a stage of ``rows`` rows."""
    match measure:
        case RowCount():
            return rows
        case Coverage():
            return draw(COVERAGES)
        case KeyComparison():
            lost, more = draw(COUNTS), draw(st.integers(0, rows))
            return difference(
                rows,
                distinct_keys=draw(st.integers(0, rows)),
                expected_rows=rows + lost - more,
                missing_total=lost,
                unexpected_total=more,
                unknown_keys=draw(COUNTS),
            )
        case RowComparison():
            return RowDifference(rows, ("order_id", "status"), draw(st.integers(0, rows)), unknown_rows=draw(COUNTS))
        case Previous():
            return PreviousState(3, NOW, PROMISED, {name: HEALTHY[name] for name in ("slots", "offset")})
        case DuplicateClasses():
            return tuple(draw(st.lists(st.sampled_from(["sink_rewrite", "business"]), max_size=rows)))
        case DuplicateKeys() | UpstreamDuplicates():
            return duplicates(draw(st.integers(0, rows)))
        case StageSchema():
            return draw(st.sampled_from([PROMISED, schema(), schema(other="int64")]))
        case UpstreamSchemas():
            return draw(st.sampled_from([{}, {"above": PROMISED}]))
        case Violations():
            return ViolationSample(draw(st.integers(0, rows)))
        case Latencies():
            seconds = tuple(draw(st.lists(st.floats(0, 60), min_size=rows, max_size=rows)))
            return LatencySample(rows, {"commit_to_topic": seconds}, draw(COUNTS))
        case Facts(topic="connector"):
            tasks = [{"id": i, "state": draw(STATES), "trace": None} for i in range(rows)]
            return {**HEALTHY["connector"], "state": draw(STATES), "tasks": tasks}
        case Facts(topic="offset"):
            return {"lsn": draw(st.sampled_from([None, 0, 0x20, 0x40])), "snapshot": draw(st.booleans())}
        case Facts(topic="malformed"):
            return [{"partition": 0, "offset": i, "error": "bad", "bytes": 1} for i in range(draw(COUNTS))]
        case Facts(topic="unavailable") | Facts(topic="unconvertible"):
            return {"amount": draw(COUNTS)}
        case Facts():
            return HEALTHY[measure.topic][: draw(COUNTS)] if measure.topic == "commits" else HEALTHY[measure.topic]
        case _:  # the greatest event time
            return draw(st.sampled_from([None, NOW]))


@st.composite
def judged(draw: st.DrawFn) -> tuple[StageDeclaration, str, dict[Measure, Any], int]:
    """Draw a stage, one of its checks, and any evidence for it."""
    declaration = draw(st.sampled_from(ALL))(may_be_empty=draw(st.booleans()))
    found = draw(st.sampled_from(checks_of(declaration)))
    rows = draw(COUNTS)
    wanted = sorted(found.measures(declaration, found.configure(declaration)) | {Coverage()}, key=str)
    values = {m: Measured(values_of(draw, m, rows), draw(GRADES)) for m in wanted}
    return declaration, found.kind, values, rows


@given(judged())
def test_no_check_passes_that_looked_at_nothing_unless_the_stage_may_be_empty(case: Any) -> None:
    declaration, kind, values, rows = case
    judgement = judge(kind, declaration, values, rows)
    if judgement.verdict is Verdict.PASS:
        assert any(judgement.looked_at.values()) or declaration.may_be_empty
        assert judgement.total == 0
    assert (judgement.verdict is Verdict.FAIL) is (judgement.total > 0)
    assert judgement.total >= len(judgement.findings)
    assert all(f.kind in FINDING_KINDS and f.message for f in judgement.findings)
    assert judgement.message
