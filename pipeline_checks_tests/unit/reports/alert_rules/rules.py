"""The example rules, and what fires of them over a timeline."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline_checks.model.duration import parse_duration
from pipeline_checks_tests.unit.reports.alert_rules.promql import Labels, Query, Scrapes

FILE = Path(__file__).parents[4] / "examples" / "alerts" / "pipeline_checks.rules.yaml"
_LABEL = re.compile(r"\{\{ \$labels\.(\w+) \}\}")


@dataclass(frozen=True)
class Fired:
    """An alert that fires."""

    alert: str
    labels: tuple[tuple[str, str], ...]
    summary: str


def rules() -> list[dict[str, Any]]:
    """Return the rules of all groups."""
    return [rule for group in yaml.safe_load(FILE.read_text())["groups"] for rule in group["rules"]]


def firing(scrapes: Scrapes, instants: list[float]) -> set[Fired]:
    """Return what fires at the last instant when all rules are evaluated at each of them."""
    return {fired for rule in rules() for fired in _firing(rule, scrapes, instants)}


def _firing(rule: dict[str, Any], scrapes: Scrapes, instants: list[float]) -> list[Fired]:
    assert set(rule["annotations"]) == {"summary"}, rule["alert"]
    query, held = Query(rule["expr"]), parse_duration(rule.get("for", 0))
    since: dict[Labels, float] = {}
    for at in instants:
        found = query.at(scrapes, at)
        since = {labels: since.get(labels, at) for labels in found}
    return [_fired(rule, dict(labels)) for labels, first in since.items() if instants[-1] - first >= held]


def _fired(rule: dict[str, Any], labels: dict[str, str]) -> Fired:
    summary = _LABEL.sub(lambda m: labels.get(m.group(1), ""), rule["annotations"]["summary"])
    return Fired(rule["alert"], tuple(sorted({**labels, **rule["labels"]}.items())), summary)
