"""What a command names: pipelines, stages of them, and kinds of checks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline_checks.checks.registry import KINDS
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.verification.discovery import load_pipeline, load_pipelines
from pipeline_checks.verification.places import nearest


def resolve(targets: Sequence[str], project: Path | None) -> list[tuple[Pipeline, tuple[str, ...] | None]]:
    """Return the pipelines named by ``PIPELINE`` or ``PIPELINE.STAGE``, each with its stages, None for all of them.

    No target means every pipeline. Raises ConfigurationError when a name is not known.
    """
    if not targets:
        return [(pipeline, None) for pipeline in load_pipelines(project)]
    wanted: dict[str, list[str]] = {}
    whole: set[str] = set()
    for target in targets:
        name, dot, stage = target.partition(".")
        stages = wanted.setdefault(name, [])
        if dot:
            stages.append(stage)
        else:
            whole.add(name)
    selected: list[tuple[Pipeline, tuple[str, ...] | None]] = []
    for name, stages in wanted.items():
        pipeline = load_pipeline(name, project)
        known = [s.name for s in pipeline.stages]
        for stage in stages:
            if stage not in known:
                raise ConfigurationError(f"pipeline {name!r} has no stage {stage!r}.", next_step=nearest(stage, known))
        selected.append((pipeline, None if name in whole else tuple(dict.fromkeys(stages))))
    return selected


def kinds(only: str | None) -> tuple[str, ...] | None:
    """Return the kinds of checks named in ``only`` (comma between them), None for all."""
    if only is None:
        return None
    named = tuple(k.strip() for k in only.split(",") if k.strip())
    for kind in named:
        if kind not in KINDS:
            raise ConfigurationError(f"there is no check of kind {kind!r}.", next_step=nearest(kind, KINDS))
    if not named:
        raise ConfigurationError("--only names no kind of check.", next_step=f"Known: {', '.join(KINDS)}.")
    return named
