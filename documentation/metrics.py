"""The page of the metrics: names, labels and what they tell."""

from __future__ import annotations

from collections.abc import Iterator

from documentation.markdown import head, table, text
from pipeline_checks.reports.metric_names import METRICS

_INTRODUCTION = (
    "`pipeline-checks check --metrics FILE` writes them as text, `pipeline-checks metrics` serves them at `/metrics`. "
    "They are read from the ledger, so both tell the same, also of runs that somebody else has made. Dashboards and "
    "alert rules are written against these names; a change of one is told in the changelog.",
)


def page() -> str:
    """Return the page."""
    lines = head("Metrics", *_INTRODUCTION)
    lines += table(("metric", "kind", "labels", "tells"), _rows())
    return text(lines)


def _rows() -> Iterator[tuple[str, str, str, str]]:
    for name, metric in METRICS.items():
        shown = f"{name}_total" if metric.kind == "counter" else name
        yield f"`{shown}`", metric.kind, ", ".join(f"`{label}`" for label in metric.labels), metric.help
