"""The kinds of checks: one word each, which is the name of the module. A module is imported when it is asked for."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Final, cast

from pipeline_checks.model.check import Check
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.stage import StageDeclaration

KINDS: Final[tuple[str, ...]] = (
    "counts",
    "schema",
    "duplicates",
    "freshness",
    "reconcile",
    "nulls",
    "values",
    "expressions",
    "references",
    "distribution",
    "latency",
    "continuity",
    "accounting",
    "ordering",
    "growth",
    "transactions",
    "manifest",
    "json_schema",
    "topic_settings",
    "conservation",
    "lag",
    "dead_letters",
    "model",
    "predictions",
    "throughput",
    "sequence",
    "balance",
    "rejected",
    "exact_columns",
    "commits",
    "fates",
    "totals",
    "dbt_tests",
    "quality_score",
    "delay",
    "discovery",
    "loads",
    "content",
    "evolution",
    "bytes",
    "run_totals",
    "arrival",
    "leases",
    "served_loads",
    "served_table",
)
"""In the order in which reports show them."""


@cache
def check(kind: str) -> Check:
    """Return the check of that kind; raises ConfigurationError for an unknown kind."""
    if kind not in KINDS:
        raise ConfigurationError(
            f"there is no check {kind!r}.", next_step=f"The checks are: {', '.join(KINDS)}.", kind=kind
        )
    return cast(Check, import_module(f"{__package__}.{kind}").CHECK)


def checks_of(stage: StageDeclaration) -> tuple[Check, ...]:
    """Return the checks that the stage gets, by default or by its contract, in the order of ``KINDS``."""
    return tuple(found for found in map(check, KINDS) if found.applies_to(stage))
