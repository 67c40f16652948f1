"""The benchmark of the pipeline: workloads of growing size through the running services."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from pipeline_checks.model.clock import now
from pipeline_checks.pipelines.sales.artifacts.reports import benchmark_report
from pipeline_checks.pipelines.sales.artifacts.schemas import require_valid
from pipeline_checks.pipelines.sales.running.workloads import measure

SIZES: Final = (1000, 5000, 10_000, 25_000, 50_000)
"""Lines of the workloads."""


def run(sizes: Sequence[int], say: Callable[[str], None]) -> dict[str, Any]:
    """Measure each size and return the report; its rows stay in the pipeline.

    Raises TerminalError when a line is not where it belongs, TransientError when they do not arrive.
    """
    report = benchmark_report([measure(size, 7 + number, say) for number, size in enumerate(sizes)], now())
    require_valid(report, "benchmark_report")
    return report
