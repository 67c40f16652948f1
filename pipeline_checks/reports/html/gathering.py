"""Puts beside runs what a page tells besides: their pipelines, and their past from the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import RunResult
from pipeline_checks.reports.html.subject import Subject


def subjects_of(results: Sequence[RunResult], pipelines: Iterable[Pipeline]) -> list[Subject]:
    """Return what a page about the runs tells.

    A ledger that cannot be read costs the page its history, which then says why; it never costs the page.
    """
    from pipeline_checks.verification.ledger.ledger import Ledger

    known = {pipeline.name: pipeline for pipeline in pipelines}
    subjects = []
    try:
        ledger = Ledger.existing()
    except PipelineChecksError as problem:
        return [Subject(r, known.get(r.pipeline), None, str(problem)) for r in results]
    with ledger:
        for result in results:
            pipeline = known.get(result.pipeline)
            try:
                subjects.append(Subject(result, pipeline, ledger.past(result.pipeline, result.started_at)))
            except PipelineChecksError as problem:
                subjects.append(Subject(result, pipeline, None, str(problem)))
    return subjects
