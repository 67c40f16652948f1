"""Checks of small pipelines over tables of one database, and what they said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pipeline_checks.model.result import RunResult
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.verification.definition import build_pipeline
from pipeline_checks.verification.options import Options
from pipeline_checks.verification.run import run_checks

CONTRACT = {"key": ["id"], "columns": {"id": "int32", "note": "string"}}


def table(name: str, url: str, **changes: Any) -> dict[str, Any]:
    """Return the declaration of a table of the schema ``public``."""
    return {
        "name": name,
        "kind": "postgres_table",
        "connection": {"url": url},
        "table": f"public.{name}",
        "contract": CONTRACT,
        **changes,
    }


def checked(
    *stages: Mapping[str, Any], deadline: float = 20, progress: Callable[[str], None] | None = None
) -> RunResult:
    """Check a pipeline of some stages."""
    pipeline = build_pipeline({"name": "odd", "stages": [dict(s) for s in stages]})
    return run_checks(pipeline, options=Options(deadline=deadline, progress=progress))


def told(result: RunResult, stage: str) -> dict[str, tuple[Verdict, str]]:
    """Return verdict and message of each check of a stage."""
    return {c.check: (c.verdict, c.judgement.message) for c in result.checks if c.stage == stage}


def verdicts(result: RunResult, stage: str) -> set[Verdict]:
    """Return the verdicts of a stage."""
    return {verdict for verdict, _ in told(result, stage).values()}


def findings(result: RunResult) -> list[tuple[str, str, Any]]:
    """Return the findings of all checks as kind, stage and key."""
    return [(f.kind, f.stage, f.key) for c in result.checks for f in c.judgement.findings]
