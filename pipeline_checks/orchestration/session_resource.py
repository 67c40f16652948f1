"""The verification session of a run, shared by its ops: opened by whichever comes first, closed with the run."""

from collections.abc import Callable, Iterator, Mapping

import dagster as dg

from pipeline_checks.model.engine import SessionResource
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.result import RunResult
from pipeline_checks.orchestration.blocked import report_blocked
from pipeline_checks.orchestration.run_report import write_report
from pipeline_checks.verification.options import Options
from pipeline_checks.verification.session import VerificationSession


class RunSession:
    """One run's session of one pipeline. An op in another process has one of its own: dearer, still exact."""

    def __init__(self, pipeline: Pipeline, options: Options) -> None:
        self._pipeline = pipeline
        self._options = options
        self._session: VerificationSession | None = None
        self.evaluated: set[tuple[str, str]] = set()
        """Stage and kind of the checks that have their result."""
        self.blocked_by: list[str] = []
        """Blocking checks that did not pass, as ``stage.kind``."""

    @property
    def session(self) -> VerificationSession:
        """The session, opened at the first use."""
        if self._session is None:
            self._session = VerificationSession(self._pipeline, self._options)
        return self._session

    def close(self) -> RunResult | None:
        """Close the session and return what it found, None if it was never opened."""
        if self._session is None:
            return None
        session, self._session = self._session, None
        session.close()
        return session.result()


def _noteworthy(log: Callable[[str], None]) -> Callable[[str], None]:
    """Leave out what the events of the ops say anyway: each line costs a write to the event log."""

    def progress(line: str) -> None:
        if not line.startswith(("settling ", "checking ")):
            log(line)

    return progress


def _session_key(pipeline: Pipeline) -> str | None:
    """The name of the resource that gives the Spark session, where the pipeline takes it from one."""
    spark = pipeline.engine.spark if pipeline.engine is not None else None
    return spark.resource if isinstance(spark, SessionResource) else None


def session_resource_of(pipeline: Pipeline, adopted: Mapping[str, dg.AssetKey] | None = None) -> dg.ResourceDefinition:
    """Return the resource that gives the ops of a run their ``RunSession`` of the pipeline.

    ``adopted`` are assets of others, by stage, on which the checks hang; None when they hang on those of the stages.
    """

    given = _session_key(pipeline)

    @dg.resource(
        required_resource_keys={given} if given else set(),
        config_schema={
            "deadline": dg.Field(
                float, is_required=False, description="Seconds to wait for a stage to settle; else as declared."
            ),
            "full": dg.Field(bool, default_value=False, description="Read everything again."),
        },
        description=f"One consistent cut of {pipeline.name}, and everything read at it once, for all ops of a run.",
    )
    def verification(context: dg.InitResourceContext) -> Iterator[RunSession]:
        log = context.log
        options = Options(
            deadline=context.resource_config.get("deadline"),
            full=context.resource_config["full"],
            progress=_noteworthy(log.info) if log is not None else None,
            spark=(lambda: getattr(context.resources, given).spark_session) if given else None,
        )
        run_session = RunSession(pipeline, options)
        try:
            yield run_session
        finally:
            result = run_session.close()
            if result is not None and context.run is not None:
                write_report(pipeline, result, context.run.run_id, log.warning if log is not None else options.say)
            report_blocked(context, pipeline, run_session.evaluated, run_session.blocked_by, adopted)

    return verification
