"""What finished runs found, read back from Dagster's event log as outcomes that people may be told of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster import DagsterEventType

from pipeline_checks.alerts.outcome import Outcome, outcome_of_document
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.orchestration.names import check_op


@dataclass(frozen=True)
class FinishedRun:
    """A run of Dagster that ended, and what it found of each pipeline."""

    run_id: str
    outcomes: dict[str, list[Outcome]]


class FinishedRuns:
    """Reads the runs of some pipelines."""

    def __init__(self, pipelines: Sequence[Pipeline]) -> None:
        self._names = {p.name for p in pipelines}
        self._ops = {check_op(p.name, s.name): p.name for p in pipelines for s in p.stages}

    def read(self, instance: dg.DagsterInstance, record: dg.RunRecord) -> FinishedRun:
        """Return what a run found: the verdict of every check that it judged, and whether the run itself failed.

        A run that failed because of a check tells of that check alone.
        """
        run, began = record.dagster_run, _began(record)
        found: dict[str, list[Outcome]] = {}
        for pipeline, document in self._documents(instance, run.run_id):
            found.setdefault(pipeline, []).append(outcome_of_document(pipeline, run.run_id, began, document))
        failed = run.status is dg.DagsterRunStatus.FAILURE
        for pipeline in self._pipelines(run, found):
            explained = any(o.verdict not in (Verdict.PASS, Verdict.WARN) for o in found.get(pipeline, ()))
            if failed and explained:
                continue
            verdict, message = Verdict.PASS, "the run ended"
            if failed:
                verdict, message = Verdict.ERROR, _why(instance, run.run_id)
            whole = Outcome(pipeline, "", f"run of {_job(run)}", verdict, message, run.run_id, began)
            found.setdefault(pipeline, []).append(whole)
        return FinishedRun(run.run_id, found)

    def _documents(self, instance: dg.DagsterInstance, run_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each check's JSON, which its evaluation has in its metadata, with the pipeline that its op belongs to."""
        for entry in instance.all_logs(run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION):
            event = entry.dagster_event
            pipeline = self._ops.get(str(event.node_name)) if event is not None and event.node_name else None
            if event is None or pipeline is None:
                continue  # of another's asset check in the same code location
            document = event.asset_check_evaluation_data.metadata.get("json")
            if document is not None and isinstance(document.value, dict):
                yield pipeline, document.value

    def _pipelines(self, run: dg.DagsterRun, found: dict[str, list[Outcome]]) -> set[str]:
        """The pipelines that a run was about: those that it judged, and those whose job or assets it ran."""
        named = {n for n in self._names if run.job_name in (f"{n}_run", f"{n}_check")}
        chosen = {*(run.asset_selection or ()), *(k.asset_key for k in run.asset_check_selection or ())}
        return {*found, *named, *(key.path[0] for key in chosen if key.path[0] in self._names)}


def _began(record: dg.RunRecord) -> datetime:
    return record.create_timestamp if record.start_time is None else datetime.fromtimestamp(record.start_time, UTC)


def _job(run: dg.DagsterRun) -> str:
    return "chosen assets" if run.job_name.startswith("__") else run.job_name


def _why(instance: dg.DagsterInstance, run_id: str) -> str:
    """Why a run failed, as the first step that failed tells it, else the run itself."""
    for kind in (DagsterEventType.STEP_FAILURE, DagsterEventType.RUN_FAILURE):
        for entry in instance.all_logs(run_id, of_type=kind):
            event = entry.dagster_event
            error = getattr(event.event_specific_data, "error", None) if event is not None else None
            if error is not None:
                cause = error.cause or error
                return " ".join(f"the run failed: {cause.message}".split())
            if event is not None and event.message:
                return f"the run failed: {event.message}"
    return "the run failed"
