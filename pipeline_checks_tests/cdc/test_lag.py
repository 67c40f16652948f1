"""Lag under load: from the commit of each event in the source to its commit in the lakes."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import pytest

from pipeline_checks.checks.registry import check
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.verdict import Judgement, Verdict
from pipeline_checks.verification.session import VerificationSession
from pipeline_checks_tests.cdc.load import Load, Shop
from pipeline_checks_tests.cdc.settling import COMMITS, Topics, settle
from pipeline_checks_tests.cdc.topics import MALFORMED, TOMBSTONE, Place, Record
from pipeline_checks_tests.cdc.truth import LAKES, TABLES

CHANGES, LIMIT_SECONDS = 250, 30.0
CLOCKS_SECONDS = 0.05
"""How far clocks may disagree that are read in milliseconds."""

Loaded = tuple[dict[str, dict[Place, Record]], dict[tuple[str, str], Judgement]]


@pytest.fixture(scope="module")
def loaded(topics: Topics, pipeline: Pipeline) -> Loaded:
    """The events of a load by table, and the session's judgement of the latency at each change log."""
    starts = {}
    for table in TABLES:
        topics[table].read()
        starts[table] = topics[table].ends()
    with Load(Shop().step, rate=50, seed=11) as load:
        load.go_on_for(CHANGES)
    settle(topics)
    events = {
        table: {p: r for p, r in topics[table].records(starts[table]).items() if r.op not in (TOMBSTONE, MALFORMED)}
        for table in TABLES
    }
    judged: dict[tuple[str, str], Judgement] = {}
    with VerificationSession(pipeline) as session:
        for table in TABLES:
            for lake in LAKES:
                (result,) = session.evaluate(f"{lake}_{table}_changes", ["latency"])
                judged[lake, table] = result.judgement
    return events, judged


def _lake_commits(lake: str, table: str) -> list[tuple[float, Mapping[str, int]]]:
    """Commits of a change log, oldest first, as seconds since 1970 and what they cover of the topic."""
    topic = f"debezium.public.{table}"
    commits = [c for c in reversed(COMMITS[lake](f"{table}_changes")) if c["covers"]]
    return [(c["at"] / 1000, c["covers"].get(topic, {})) for c in commits]


def _arrival(record: Record, commits: list[tuple[float, Mapping[str, int]]]) -> float:
    """When the first commit was made that covers the record."""
    at = bisect_left(commits, record.offset + 1, key=lambda c: int(c[1].get(str(record.partition), 0)))
    return commits[at][0]


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("lake", LAKES)
def test_every_event_of_the_load_is_in_the_lake_within_thirty_seconds(
    lake: str, table: str, loaded: Loaded, record_property: Callable[[str, object], None]
) -> None:
    events = list(loaded[0][table].values())
    commits = _lake_commits(lake, table)
    assert events
    lags = []
    for record in events:
        committed, handled = record.source["ts_us"] / 1e6, (record.handled_ms or 0) / 1e3
        times = (committed, handled, record.appended_ms / 1e3, _arrival(record, commits))
        for earlier, later in pairwise(times):
            assert later >= earlier - CLOCKS_SECONDS, f"{record.place}: {times}"
        lags.append(times[-1] - committed)
    lags.sort()
    record_property("events", len(lags))
    for name, seconds in (("p50", _quantile(lags, 0.5)), ("p95", _quantile(lags, 0.95)), ("max", lags[-1])):
        record_property(f"lag_{name}_seconds", round(seconds, 3))
    assert lags[-1] < LIMIT_SECONDS


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("lake", LAKES)
def test_the_session_measures_the_same_lag(lake: str, table: str, topics: Topics, loaded: Loaded) -> None:
    judgement = loaded[1][lake, table]
    assert judgement.verdict in (Verdict.PASS, Verdict.WARN), judgement.message
    measures: Mapping[str, Any] = judgement.measures
    assert measures["backwards"] == 0
    assert set(measures["hops"]) == {"commit_to_connector", "commit_to_topic", "commit_to_table"}
    commits = _lake_commits(lake, table)
    streamed = [r for r in topics[table].records().values() if r.op in ("c", "u", "d")]
    lags = sorted(_arrival(r, commits) - r.source["ts_us"] / 1e6 for r in streamed)
    assert measures["events"] == len(lags)
    for name, own in (("p50_seconds", _quantile(lags, 0.5)), ("p95_seconds", _quantile(lags, 0.95))):
        assert measures[name] == pytest.approx(own, abs=0.005), name
    assert measures["max_seconds"] == pytest.approx(lags[-1], abs=0.005)


def test_the_limits_are_ten_seconds_for_most_and_thirty_for_all(pipeline: Pipeline) -> None:
    configuration: Any = check("latency").configure(pipeline.stage("delta_customers_changes"))
    assert (configuration.warn, configuration.fail) == (10.0, LIMIT_SECONDS)
