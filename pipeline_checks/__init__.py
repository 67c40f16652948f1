"""Proof that every row arrived at every stage of a data pipeline, once, right and in time.

What is public is imported when it is asked for, so that ``import pipeline_checks`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PUBLIC = {
    "VerifiedPipeline": "pipeline_checks.orchestration.component",
    "build_pipeline_definitions": "pipeline_checks.orchestration.build",
    "alert_sensor": "pipeline_checks.orchestration.alert_sensor",
    "checks_for": "pipeline_checks.orchestration.adoption",
    "Pipeline": "pipeline_checks.model.pipeline",
    "Options": "pipeline_checks.verification.options",
    "run_checks": "pipeline_checks.verification.run",
    "load_pipeline": "pipeline_checks.verification.discovery",
}

__all__ = [
    "Options",
    "Pipeline",
    "VerifiedPipeline",
    "alert_sensor",
    "build_pipeline_definitions",
    "checks_for",
    "load_pipeline",
    "run_checks",
]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})  # Dagster finds components by walking dir()
