"""The reports of one call: of the pipeline's tests, of injected faults, of benchmarks, and of all of them."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Any


@dataclass(frozen=True)
class Call:
    """When a call began and ended."""

    started_at: datetime
    ended_at: datetime

    def to_json(self) -> dict[str, Any]:
        """Return the metadata of a report."""
        return {
            "generated_at": self.ended_at.isoformat(),
            "start_time": self.started_at.isoformat(),
            "end_time": self.ended_at.isoformat(),
            "duration_seconds": round((self.ended_at - self.started_at).total_seconds(), 3),
            "version": version("pipeline-checks"),
        }


@dataclass(frozen=True)
class Measured:
    """One workload of a benchmark; ``stages`` are seconds by stage."""

    workload_size: int
    duration_seconds: float
    stages: Mapping[str, float]

    @property
    def throughput(self) -> float | None:
        """Rows a second; None when nothing was processed."""
        return rate(self.workload_size, self.duration_seconds)

    def to_json(self) -> dict[str, Any]:
        """Return the workload as JSON values."""
        return {
            "workload_size": self.workload_size,
            "duration_seconds": round(self.duration_seconds, 3),
            "throughput": self.throughput,
            "stages": {name: round(seconds, 3) for name, seconds in self.stages.items()},
        }


def rate(rows: int, seconds: float) -> float | None:
    """Return rows a second; None when there was nothing or no time passed: that is no throughput, not a fast one.

    >>> rate(100, 4.0), rate(0, 4.0)
    (25.0, None)
    """
    return round(rows / seconds, 3) if rows > 0 and seconds > 0 else None


def overall(passed: Sequence[bool]) -> dict[str, Any]:
    """Return how many passed. Where nothing was run nothing passed."""
    return {
        "success": bool(passed) and all(passed),
        "total_tests": len(passed),
        "passed_tests": sum(passed),
        "failed_tests": len(passed) - sum(passed),
        "success_rate": round(sum(passed) / len(passed), 4) if passed else 0.0,
    }


def pipeline_report(runs: Sequence[Mapping[str, Any]], call: Call, configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report of the pipeline's tests; ``runs`` are results of runs."""
    return {
        "test_run_metadata": call.to_json(),
        "overall_results": overall([bool(run["success"]) for run in runs]),
        "test_results": [dict(run) for run in runs],
        "configuration": dict(configuration),
        "recommendations": [
            f"{run['test_name']}: {run['error_details'] or 'see its validation report'}"
            for run in runs
            if not run["success"]
        ],
    }


def fault_report(outcomes: Sequence[Mapping[str, Any]], generated_at: datetime, seconds: float) -> dict[str, Any]:
    """Return the report of injected faults; ``outcomes`` are those of scenarios, as JSON values."""
    by_target: dict[str, list[bool]] = {}
    for outcome in outcomes:
        by_target.setdefault(str(outcome["target"]), []).append(bool(outcome["exact"]))
    patterns = Counter(str(o["differences"][0]).partition(":")[0] for o in outcomes if o["differences"])
    recovered: dict[str, list[float]] = {}
    for outcome in outcomes:
        if outcome.get("recovery_seconds") is not None:
            recovered.setdefault(str(outcome["fault"]), []).append(float(outcome["recovery_seconds"]))
    passed = [bool(o["exact"]) for o in outcomes]
    return {
        "report_metadata": {
            "generated_at": generated_at.isoformat(),
            "scenarios_run": len(outcomes),
            "duration_seconds": round(seconds, 3),
        },
        "scenario_results": [dict(o) for o in outcomes],
        "summary_analysis": {
            "total": len(passed),
            "passed": sum(passed),
            "failed": len(passed) - sum(passed),
            "recovery_times": {fault: _spread(seconds) for fault, seconds in sorted(recovered.items())},
            "failure_patterns": dict(patterns),
            "component_reliability": {
                target: {"scenarios": len(found), "passed": sum(found)} for target, found in sorted(by_target.items())
            },
        },
    }


def _spread(seconds: Sequence[float]) -> dict[str, Any]:
    """Times from the repair until everything was caught up."""
    return {
        "avg": round(statistics.fmean(seconds), 3),
        "min": round(min(seconds), 3),
        "max": round(max(seconds), 3),
        "sample_count": len(seconds),
    }


def benchmark_report(results: Sequence[Measured], generated_at: datetime) -> dict[str, Any]:
    """Return the report of a benchmark.

    ``scalability`` is the throughput of the largest workload as a share of the smallest one's: 1 keeps its rate.
    """
    rates = [r.throughput for r in results if r.throughput is not None]
    ordered = sorted((r for r in results if r.throughput is not None), key=lambda r: r.workload_size)
    first, last = (ordered[0].throughput, ordered[-1].throughput) if len(ordered) > 1 else (None, None)
    return {
        "report_metadata": {"generated_at": generated_at.isoformat(), "sizes": [r.workload_size for r in results]},
        "results": [r.to_json() for r in results],
        "summary": {
            "min_throughput": min(rates, default=None),
            "max_throughput": max(rates, default=None),
            "avg_throughput": round(statistics.fmean(rates), 3) if rates else None,
            "standard_deviation": round(statistics.stdev(rates), 3) if len(rates) > 1 else None,
            "scalability": round(last / first, 4) if first and last else None,
        },
    }


def master_report(
    categories: Mapping[str, Mapping[str, Any]], call: Call, configuration: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the report over all categories; each is ``overall`` and the path of its report."""
    passed = [bool(c["success"]) for c in categories.values()]
    totals = {
        key: sum(int(c[key]) for c in categories.values()) for key in ("total_tests", "passed_tests", "failed_tests")
    }
    total = totals["total_tests"]
    return {
        "test_run_metadata": call.to_json(),
        "overall_results": {
            "success": bool(passed) and all(passed),
            **totals,
            "success_rate": round(totals["passed_tests"] / total, 4) if total else 0.0,
        },
        "test_categories": {
            name: {
                key: category.get(key) for key in ("success", "total_tests", "passed_tests", "failed_tests", "report")
            }
            for name, category in categories.items()
        },
        "configuration": dict(configuration),
        "recommendations": [f"{name}: see its report" for name, c in categories.items() if not c["success"]],
    }
