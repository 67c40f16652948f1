"""The performance monitor: what processes use, what is a bottleneck, what is slower than before, and what is not."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline_checks.model.clock import Deadline, now
from pipeline_checks.model.errors import TransientError
from pipeline_checks.pipelines.sales.artifacts.schemas import require_valid
from pipeline_checks.pipelines.sales.monitoring.analysis import (
    Bottleneck,
    baseline_of,
    bottlenecks,
    regressions,
    summary,
)
from pipeline_checks.pipelines.sales.monitoring.groups import Machine, ProcessGroup
from pipeline_checks.pipelines.sales.monitoring.monitor import PerformanceMonitor, Queue
from pipeline_checks.pipelines.sales.monitoring.report import performance_report
from pipeline_checks.pipelines.sales.monitoring.samples import ComponentReport, Metric, Snapshot

AT = datetime(2026, 11, 21, tzinfo=UTC)


def snapshot(cpu: float = 10.0, memory: float = 5.0, disk: float = 0.0, busy: float = 0.0) -> Snapshot:
    return Snapshot(AT, 1.0, cpu, memory, 10 * memory, 0.0, disk, busy, 0.0, 0.0, 2)


def report(name: str, *snapshots: Snapshot, queue: tuple[float, ...] = (), seconds: float = 10.0) -> ComponentReport:
    metrics = tuple(Metric(AT, "topic_lag", value, "messages") for value in queue)
    return ComponentReport(name, AT, AT, seconds, snapshots or (snapshot(),), metrics)


@pytest.mark.parametrize(
    ("cpu", "severity"), [(79.0, None), (80.0, None), (81.0, "medium"), (90.0, "medium"), (91.0, "high")]
)
def test_a_busy_processor_is_a_bottleneck_above_the_limits(cpu: float, severity: str | None) -> None:
    found = bottlenecks([report("spark", snapshot(cpu), snapshot(cpu))])
    assert found == ([] if severity is None else [Bottleneck("spark", "cpu", severity, cpu)])


def test_a_peak_is_no_bottleneck_the_average_decides() -> None:
    assert bottlenecks([report("spark", snapshot(100.0), snapshot(10.0))]) == []


def test_memory_and_a_busy_disk_are_bottlenecks_the_disk_of_whoever_uses_it_most() -> None:
    found = bottlenecks(
        [
            report("dbt", snapshot(memory=85.0, disk=1.0, busy=95.0)),
            report("database", snapshot(disk=50.0, busy=95.0)),
            report("kafka", snapshot(busy=95.0)),
        ]
    )
    assert found == [Bottleneck("database", "disk", "high", 95.0), Bottleneck("dbt", "memory", "medium", 85.0)]


@pytest.mark.parametrize(
    ("queue", "severity"),
    [
        ((), None),
        ((5.0, 9.0, 20.0), None),
        ((0.0, 100.0, 50.0, 0.0), None),
        ((100.0, 100.0, 100.0, 100.0), None),
        ((100.0, 100.0, 150.0, 150.0), "medium"),
        ((0.0, 10.0, 500.0, 900.0), "high"),
        ((900.0, 500.0, 100.0, 5.0), None),
    ],
)
def test_a_queue_is_a_bottleneck_when_it_grows_and_is_not_worked_off(
    queue: tuple[float, ...], severity: str | None
) -> None:
    found = bottlenecks([report("spark", queue=queue)])
    assert [(b.type, b.severity, b.value) for b in found] == ([("queue_lag", severity, queue[-1])] if severity else [])


def test_only_what_has_grown_by_more_than_a_fifth_is_a_regression() -> None:
    before = baseline_of([report("spark", snapshot(10.0), seconds=10.0), report("gone", snapshot())])
    assert regressions([report("spark", snapshot(12.0), seconds=12.0)], before) == []
    assert regressions([report("spark", snapshot(1.0), seconds=1.0), report("new", snapshot(99.0))], before) == []
    slower = regressions([report("spark", snapshot(13.0), seconds=12.1)], before)
    assert [(r.metric, r.baseline, r.value) for r in slower] == [
        ("duration_seconds", 10.0, 12.1),
        ("cpu_avg_percent", 10.0, 13.0),
    ]
    assert slower[1].change == pytest.approx(0.3)


def test_statistics() -> None:
    found = summary(report("dbt", snapshot(10.0, disk=3.0), snapshot(30.0, disk=1.0), queue=(1.0, 3.0)))
    assert found["cpu"] == {"avg": 20.0, "max": 30.0, "min": 10.0, "std": 14.1421}
    assert found["disk_io"]["write"] == {"total_mb": 4.0, "mb_per_second": 2.0}
    assert found["queues"]["topic_lag"]["max"] == 3.0
    assert found["sampling"] == {"samples": 2, "seconds": 2.0}


def test_a_report_without_samples_has_neither_bottlenecks_nor_regressions_and_says_that_nothing_was_compared() -> None:
    empty = ComponentReport("dbt", AT, AT, 0.0, (), (), ("dbt: no process was found",))
    document = performance_report([empty], AT)
    require_valid(document, "performance_test_report")
    analysis = document["performance_analysis"]
    assert analysis["bottleneck_analysis"] == {"bottlenecks_found": 0, "bottlenecks": []}
    assert analysis["performance_trends"] == {"baseline": False, "regressions": []}
    assert document["component_reports"]["dbt"]["problems"] == ["dbt: no process was found"]


_BUSY = """
import os, sys, time
if os.fork():
    os.wait()
else:
    print(0, flush=True)
    os.read(0, 1)
    end = time.process_time() + 0.2
    while time.process_time() < end: pass
    print(1, flush=True)
    os.read(0, 1)
"""
"""A process whose child works when it is told to."""


def test_what_a_process_and_its_children_use_is_seen_from_the_first_snapshot_on(tmp_path: Path) -> None:
    group = ProcessGroup("busy", lambda: [process.pid])
    with subprocess.Popen([sys.executable, "-c", _BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdout.readline()
        first = group.snapshot(now(), 0.0, Machine.now())
        process.stdin.write(b"x")
        process.stdin.flush()
        process.stdout.readline()
        second = group.snapshot(now(), 1.0, Machine.now())
        third = group.snapshot(now(), 1.0, Machine.now())
        process.stdin.close()
    assert (first.cpu_percent, first.process_count) == (0.0, 2)
    assert 15 < second.cpu_percent * (os.cpu_count() or 1) < 40
    assert third.cpu_percent < second.cpu_percent / 2
    assert second.memory_used_mb > 1
    gone = group.snapshot(now(), 1.0, Machine.now())
    assert (gone.process_count, gone.cpu_percent) == (0, 0.0)


def test_the_monitor_notes_processes_and_queues_and_what_it_could_not_see() -> None:
    def broken() -> float:
        raise TransientError("the broker is away.")

    values = iter(range(1000))
    queues = [Queue("ours", "waiting", "rows", lambda: float(next(values))), Queue("ours", "lost", "rows", broken)]
    groups = [ProcessGroup("ours", lambda: [os.getpid()]), ProcessGroup("nobody", list)]
    with PerformanceMonitor(groups, queues, sampling_seconds=0.01) as watch:
        assert Deadline(10).wait_until(lambda: next(values) > 6)
    ours, nobody = watch.reports()
    assert len(ours.snapshots) >= 2
    assert [m.value for m in ours.metrics if m.metric_name == "waiting"]
    assert ours.problems == ("lost: the broker is away.",)
    assert nobody.problems == ("nobody: no process was found",)
    require_valid(performance_report([ours, nobody], now()), "performance_test_report")
