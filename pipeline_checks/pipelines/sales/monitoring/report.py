"""The performance report: the components, how they compare, what holds them up, and what is slower than before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pipeline_checks.pipelines.sales.monitoring.analysis import (
    bottlenecks,
    component_json,
    regressions,
    summary,
)
from pipeline_checks.pipelines.sales.monitoring.samples import ComponentReport


def performance_report(
    reports: Sequence[ComponentReport],
    generated_at: datetime,
    baseline: Mapping[str, Mapping[str, float]] | None = None,
) -> dict[str, Any]:
    """Return the report as JSON values; without a baseline nothing is compared, and the report says so."""
    found = bottlenecks(reports)
    slower = [] if baseline is None else regressions(reports, baseline)
    summaries = {r.component_name: summary(r) for r in reports}
    return {
        "report_metadata": {
            "generated_at": generated_at.isoformat(),
            "components_monitored": [r.component_name for r in reports],
            "total_monitoring_duration": round(max((r.duration_seconds for r in reports), default=0.0), 3),
        },
        "component_reports": {r.component_name: component_json(r) for r in reports},
        "performance_analysis": {
            "component_comparison": {
                name: {
                    "cpu_avg_percent": stats["cpu"]["avg"],
                    "memory_max_mb": stats["memory"]["max"],
                    "disk_write_mb": stats["disk_io"]["write"]["total_mb"],
                }
                for name, stats in summaries.items()
            },
            "resource_utilization": {
                "cpu_avg_percent": round(sum(s["cpu"]["avg"] for s in summaries.values()), 4),
                "memory_avg_mb": round(sum(s["memory"]["avg"] for s in summaries.values()), 4),
                "disk_busy_avg_percent": max((s["disk_io"]["busy"]["avg"] for s in summaries.values()), default=0.0),
            },
            "performance_trends": {
                "baseline": baseline is not None,
                "regressions": [r.to_json() for r in slower],
            },
            "bottleneck_analysis": {"bottlenecks_found": len(found), "bottlenecks": [b.to_json() for b in found]},
        },
    }
