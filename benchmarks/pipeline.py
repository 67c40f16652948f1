"""The CDC pipeline: start, lag from commit to both lakes and the API, throughput, memory."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

import orjson

from benchmarks.figures import Figure, percentile, seconds_of
from benchmarks.load import change_steadily
from benchmarks.own_stack import own_stack
from pipeline_checks.model.measure import Latencies, LatencySample, Measured
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.pipelines.cdc import seed
from pipeline_checks.pipelines.cdc.flow.progress import progress_file
from pipeline_checks.pipelines.cdc.flow.tables import CAPTURED
from pipeline_checks.pipelines.cdc.services import services
from pipeline_checks.stack.embedded import EmbeddedProvider
from pipeline_checks.verification.discovery import load_pipeline
from pipeline_checks.verification.measuring import Measurer
from pipeline_checks.verification.options import Options
from pipeline_checks.verification.pinning import Pinner

SECONDS = 30.0
TABLES = tuple(t.name for t in CAPTURED)


def measure_pipeline() -> list[Figure]:
    """Return the figures of a pipeline in a home of its own."""
    with own_stack() as provider:
        figures = [_warm_start(provider)]
        seed.seed(1000, 42)
        pipeline = load_pipeline("cdc")
        _settle(pipeline)
        figures += _lag(pipeline, ("customers",), 50, 3.0)
        figures += _lag(pipeline, TABLES, 50, 10.0)
        figures.append(_throughput(pipeline))
        memory = sum(s.memory_bytes or 0 for s in provider.status()) / 2**30
        figures.append(Figure("memory of the whole stack", memory, "GiB", 3.5, detail="sum of PSS behind the load"))
    return figures


def _warm_start(provider: EmbeddedProvider) -> Figure:
    """Start everything at once against the slowest chain of dependencies, started one service after the other."""
    _say("start: everything once, so that archives and databases exist")
    provider.up(services())
    provider.down()
    alone: dict[str, float] = {}
    done = []
    for service in services():
        done.append(service)
        alone[service.name] = seconds_of(lambda: provider.up(done))
    provider.down()
    chains: dict[str, float] = {}
    for service in services():
        chains[service.name] = alone[service.name] + max((chains[d] for d in service.upstream), default=0.0)
    last, slowest = max(chains.items(), key=lambda c: c[1])
    whole = seconds_of(lambda: provider.up(services()))
    how = f"up: {whole:.1f} s; chain to {last}: {slowest:.1f} s ({', '.join(f'{n} {s:.1f}' for n, s in alone.items())})"
    return Figure("warm `up cdc`", whole / slowest, "x slowest chain", 1.3, detail=how)


def _lag(pipeline: Pipeline, tables: Sequence[str], per_second: float, limit: float) -> list[Figure]:
    _say(f"lag: {per_second:g} changes/s over {len(tables)} table(s) for {SECONDS:g} s")
    started = time.monotonic()
    change_steadily(tables, per_second, SECONDS)
    samples = _latencies(pipeline, tables, time.monotonic() - started)
    word = "one table" if len(tables) == 1 else f"{len(tables)} tables"
    figures = []
    lakes: list[float] = []
    for lake in ("delta", "iceberg"):
        times = [s for t in tables for s in samples[f"{lake}_{t}_changes"].hops["commit_to_table"]]
        lakes.append(percentile(times, 0.95))
        how = f"p50 {percentile(times, 0.5):.2f} s, max {max(times):.2f} s, {len(times)} events"
        figures.append(Figure(f"commit to {lake}, {word} at {per_second:g}/s, p95", lakes[-1], "s", limit, detail=how))
        if max(times) > 30:
            figures.append(Figure(f"commit to {lake}, {word}, slowest event", max(times), "s", 30))
    served = [s for t in tables if f"api_{t}" in samples for s in samples[f"api_{t}"].hops["commit_to_api"]]
    table_times = [
        s for t in tables if f"api_{t}" in samples for s in samples[f"delta_{t}_changes"].hops["commit_to_table"]
    ]
    behind = percentile(served, 0.95) - percentile(table_times, 0.95)
    how = f"p95 {percentile(served, 0.95):.2f} s, {len(served)} events"
    figures.append(Figure(f"commit to API behind commit to Delta, {word}, p95", behind, "s", 0.5, detail=how))
    return figures


def _throughput(pipeline: Pipeline) -> Figure:
    rate = 1000.0
    _say(f"throughput: {rate:g} changes/s of one table for {SECONDS:g} s")
    started = time.monotonic()
    changed = change_steadily(("customers",), rate, SECONDS, per_transaction=10)
    sample = _latencies(pipeline, ("customers",), time.monotonic() - started)
    times = {lake: sample[f"{lake}_customers_changes"].hops["commit_to_table"] for lake in ("delta", "iceberg")}
    # The lag grows when the later half of the events waits longer than the earlier half by more than the noise.
    growth = max(statistics.median(v[len(v) // 2 :]) - statistics.median(v[: len(v) // 2]) for v in times.values())
    largest = max(int(batch["records"]) for batch in _batches())
    how = f"{changed / SECONDS:.0f} changes/s; p95 {max(percentile(v, 0.95) for v in times.values()):.1f} s; "
    how += f"largest batch {largest} records"
    return Figure(
        "growth of the lag at 1,000 changes/s, median of later half less earlier", growth, "s", 2.0, detail=how
    )


def _batches() -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in progress_file().read_bytes().splitlines()]


def _latencies(pipeline: Pipeline, tables: Sequence[str], window: float) -> dict[str, LatencySample]:
    """Settle the stages of the tables and return the times of the events of the last ``window`` seconds."""
    pinner = Pinner(pipeline, Options(deadline=120))
    measurer = Measurer(pipeline, pinner)
    asked = time.monotonic()
    samples: dict[str, LatencySample] = {}
    names = {f"{lake}_{t}_changes" for t in tables for lake in ("delta", "iceberg")} | {f"api_{t}" for t in tables}
    for stage in pipeline.stages:
        if stage.name in names:
            settled = pinner.settled(stage)
            measure = Latencies(window + time.monotonic() - asked)
            value = measurer.measure(settled, frozenset({measure}))[measure]
            if not isinstance(value, Measured):
                raise value
            samples[stage.name] = value.value
    pinner.close()
    return samples


def _settle(pipeline: Pipeline) -> None:
    pinner = Pinner(pipeline, Options(deadline=120))
    unsettled = [s.name for s in pipeline.stages if pinner.settled(s).coverage.covers_cut is not True]
    pinner.close()
    if unsettled:
        raise RuntimeError(f"not settled before the measurement: {', '.join(unsettled)}")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
