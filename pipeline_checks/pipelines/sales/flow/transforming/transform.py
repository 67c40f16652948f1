"""One run of dbt over raw tables that stand still: all models, then all tests, then what came of it is recorded."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import monotonic
from typing import Final

from pipeline_checks.clients.postgres import connect, translated
from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.pipelines.sales.flow.transforming.commands import CommandOutcome, Dbt
from pipeline_checks.pipelines.sales.flow.transforming.loads import Loads, frozen
from pipeline_checks.pipelines.sales.flow.transforming.runs import Run, prepare_tables, record

_COMMANDS: Final = ("run", "test")
"""Apart: ``build`` leaves out what stands behind a test that found something, and then the marts are of two ages."""


@dataclass
class Transformation:
    """Runs dbt on a warehouse and records each run."""

    url: str
    dbt: Dbt

    def run(self, on_command: Callable[[CommandOutcome], None] = lambda outcome: None) -> Run:
        """Build and test everything once; a run that could not come to its end is recorded and returned as well.

        Raises TransientError when the warehouse cannot be reached, so that nothing can be recorded.
        """
        connect(self.url).close()  # who cannot be reached is told of before dbt takes seconds to read its project
        self.dbt.parse()  # and that before the tables are held
        with frozen(self.url) as loads:
            done = self._commands(loads, on_command)
        with connect(self.url) as connection, translated("recording a run of dbt"):
            prepare_tables(connection)
            record(connection, done)
        return done

    def _commands(self, loads: Loads, on_command: Callable[[CommandOutcome], None]) -> Run:
        started_at, started = datetime.now(UTC), monotonic()
        outcomes: list[CommandOutcome] = []
        error: str | None = None
        for command in _COMMANDS:
            try:
                outcomes.append(self.dbt.invoke(command))
            except PipelineChecksError as problem:
                error = str(problem)
                break
            on_command(outcomes[-1])
            if broken := outcomes[-1].broken:
                error = f"{broken[0].kind} {broken[0].name}: {broken[0].message or broken[0].status}"
                break
        built = bool(outcomes) and not outcomes[0].broken
        nodes = [node for outcome in outcomes for node in outcome.nodes]
        failed = sum(len(outcome.failed_tests) for outcome in outcomes)
        run = Run(
            run_id=str(uuid.uuid4()),
            started_at=started_at,
            finished_at=datetime.now(UTC),
            seconds=monotonic() - started,
            built=built,
            success=built and error is None and failed == 0,
            loads=loads,
            models=sum(node.kind == "model" for node in nodes),
            tests=tuple(node for node in nodes if node.kind == "test"),
            failed_tests=failed,
            error=error,
            commands=tuple(outcome.to_json() for outcome in outcomes),
        )
        return run if run.models else replace(run, built=False, success=False, error=error or "no model was built")
