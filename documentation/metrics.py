"""The page of the metrics: names, labels and what they tell."""

from __future__ import annotations

from collections.abc import Iterator

from documentation.markdown import head, table, text
from pipeline_checks.reports.metric_names import METRICS

_INTRODUCTION = (
    "`pipeline-checks check --metrics FILE` writes them as text, `pipeline-checks metrics` serves them at `/metrics`. "
    "The text is of that run alone and has no counters; what is served is read from the ledger, also of runs that "
    "somebody else has made. Dashboards and alert rules are written against these names; a change of one is told in "
    "the changelog. See [alerts and metrics](../alerts.md).",
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
