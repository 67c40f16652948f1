"""A verification session: one cut, pinned positions, and everything read once, shared by all checks of a run."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import replace
from types import TracebackType
from typing import Any

from pipeline_checks.checks.registry import checks_of
from pipeline_checks.model.check import Check, Evidence
from pipeline_checks.model.clock import monotonic, now
from pipeline_checks.model.errors import PipelineChecksError, SnapshotLostError
from pipeline_checks.model.measure import Coverage, Facts, KeyComparison, Measure, Measured, RowCount, StageSchema
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.previous import Previous
from pipeline_checks.model.result import CheckResult, RunResult, StageResult
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement, Verdict
from pipeline_checks.verification.honesty import could_not_look, honest
from pipeline_checks.verification.ledger.session_ledger import SessionLedger
from pipeline_checks.verification.measuring import Measurer
from pipeline_checks.verification.narrowing import Narrower
from pipeline_checks.verification.options import Options
from pipeline_checks.verification.pinning import Pinner
from pipeline_checks.verification.proving import Prover
from pipeline_checks.verification.settled import Settled
from pipeline_checks.verification.tracing import traced

_MOST_RETAKES = 2
"""How often a session begins anew because the source did not hold the snapshot of its cut."""


class VerificationSession:
    """Settles and evaluates the stages of one pipeline at one common cut.

    The cut is taken when the first stage is asked for. Nothing of this class raises for what is wrong with a stage:
    that stands in the results. ``close`` gives back connections and ends the cut's transaction. What was found is
    recorded in the ledger once: when ``record`` is called, else with ``close``.
    """

    def __init__(self, pipeline: Pipeline, options: Options | None = None, run_id: str | None = None) -> None:
        self.pipeline = pipeline
        self.options = options or Options()
        self.run_id = run_id or uuid.uuid4().hex
        self._started_at = now()
        self._started = monotonic()
        self._pinner = Pinner(pipeline, self.options)
        self._ledger = SessionLedger(pipeline)
        self._is_recorded = False
        self._prover = Prover(pipeline, self._pinner, self._ledger, self.options)
        self._measurer = self._new_measurer()
        self._retakes = 0
        self._at_lost_cuts: set[str] = set()
        self._facts: dict[tuple[str, str], Any] = {}
        self._stages: dict[str, StageResult] = {}
        self._checks: dict[tuple[str, str], CheckResult] = {}

    def __enter__(self) -> VerificationSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_recorded |= kind is not None  # half a run proves nothing
        self.close()

    def close(self) -> None:
        """Record what was not recorded, and give back all connections."""
        try:
            self.record()
        finally:
            self._ledger.close()
            self._pinner.close()

    def record(self) -> None:
        """Write what was found into the ledger. That this failed is a message of the run and changes no verdict."""
        if self._is_recorded or not self._checks:
            return
        self._is_recorded = True
        result = self.result()
        # What was judged at a cut that was lost stands, but the positions that a proof needs are forgotten.
        kept = replace(result, stages=tuple(s for s in result.stages if s.name not in self._at_lost_cuts))
        self._ledger.record(result, self._facts, lambda: self._prover.proofs(kept))
        for problem in self._ledger.problems:
            self.options.say(f"WARN: {problem}")

    def settle(self, stage: str) -> StageResult:
        """Wait until the stage covers the cut, or its deadline, and return where it stands."""
        declaration = self.pipeline.stage(stage)
        self.options.say(f"settling {stage}")
        settled = self._pinner.settled(declaration)
        self._stages[stage] = self._stage_result(declaration, settled, self._known(settled))
        return self._stages[stage]

    def evaluate(self, stage: str, kinds: Collection[str] | None = None) -> tuple[CheckResult, ...]:
        """Judge the checks of the stage (those of ``kinds`` when given), every one of them, and return the results."""
        declaration = self.pipeline.stage(stage)
        if stage not in self._stages:
            self.settle(stage)
        self.options.say(f"checking {stage}")
        checks = [c for c in checks_of(declaration) if kinds is None or c.kind in kinds]
        wanted = {c.kind: c.measures(declaration, c.configure(declaration)) for c in checks}
        started = monotonic()
        everything = frozenset(m for measures in wanted.values() for m in measures) | {Coverage()}
        settled, values = self._measured(declaration, everything - {Previous()})
        if Previous() in everything:
            values[Previous()] = Measured(self._ledger.previous(stage))
        self._facts.update(
            {(stage, m.topic): v.value for m, v in values.items() if isinstance(m, Facts) and isinstance(v, Measured)}
        )
        shared = (monotonic() - started) / max(1, len(checks))
        results = [self._judge(check, declaration, settled, wanted[check.kind], values, shared) for check in checks]
        results = [traced(result, declaration, self.pipeline, self._checks) for result in results]
        self._checks.update({(r.stage, r.check): r for r in results})
        self._stages[stage] = self._stage_result(declaration, settled, self._known(settled))
        return tuple(results)

    def _measured(
        self, stage: StageDeclaration, measures: frozenset[Measure]
    ) -> tuple[Settled, dict[Measure, Measured | Exception]]:
        """Measure a stage; where the snapshot of the cut was lost meanwhile, at another cut."""
        while True:
            settled = self._pinner.settled(stage)
            values = self._measurer.measure(settled, measures)
            lost = next((p for p in (settled.problem, *values.values()) if isinstance(p, SnapshotLostError)), None)
            if lost is None or self._retakes == _MOST_RETAKES:
                return settled, values
            self._retakes += 1
            self.options.say(f"taking the cut again: {lost.message}")
            self._at_lost_cuts |= {name for name, _ in self._checks}
            self._pinner.retake_cuts()
            self._measurer = self._new_measurer()

    def _new_measurer(self) -> Measurer:
        return Measurer(self.pipeline, self._pinner, Narrower(self._prover))

    def result(self) -> RunResult:
        """Return what has been found so far."""
        order = {s.name: i for i, s in enumerate(self.pipeline.stages)}
        return RunResult(
            run_id=self.run_id,
            pipeline=self.pipeline.name,
            started_at=self._started_at,
            seconds=monotonic() - self._started,
            cut=self._pinner.cut,
            stages=tuple(sorted(self._stages.values(), key=lambda s: order[s.name])),
            checks=tuple(sorted(self._checks.values(), key=lambda c: order[c.stage])),
            messages=self._ledger.problems,
        )

    def _known(self, settled: Settled) -> dict[Measure, Measured | Exception]:
        """Rows and schema, as far as they are known or told without a scan."""
        return self._measurer.measure(settled, frozenset({RowCount(), StageSchema()}), cheaply=True)

    def _judge(
        self,
        check: Check,
        declaration: StageDeclaration,
        settled: Settled,
        measures: frozenset[Measure],
        values: dict[Measure, Measured | Exception],
        shared_seconds: float,
    ) -> CheckResult:
        started = monotonic()
        judgement = self._judgement(check, declaration, settled, measures, values)
        return CheckResult(declaration.name, check.kind, judgement, monotonic() - started + shared_seconds)

    def _judgement(
        self,
        check: Check,
        declaration: StageDeclaration,
        settled: Settled,
        measures: frozenset[Measure],
        values: dict[Measure, Measured | Exception],
    ) -> Judgement:
        if settled.problem is not None:
            return could_not_look(settled.problem)
        known = {m: v for m in (*measures, Coverage()) if isinstance(v := values.get(m), Measured)}
        for measure in measures:
            if measure not in known:
                problem = values.get(measure)
                lost = problem if isinstance(problem, Exception) else KeyError(f"{measure} was not measured")
                return could_not_look(lost)
        upstream = {s.name: s for s in self.pipeline.upstream(declaration)}
        evidence = Evidence(declaration, now(), settled.position, known, upstream)
        try:
            judgement = check.judge(check.configure(declaration), evidence)
        except Exception as problem:  # one check that fails must not take the others with it
            return could_not_look(problem)
        keys = values.get(KeyComparison())
        difference = keys.value if isinstance(keys, Measured) else None
        return honest(check.kind, declaration, judgement, settled.coverage, difference)

    def _stage_result(
        self, declaration: StageDeclaration, settled: Settled, values: dict[Measure, Measured | Exception]
    ) -> StageResult:
        rows, schema = values.get(RowCount()), values.get(StageSchema())
        problem = str(settled.problem) if settled.problem is not None else ""
        for value in (rows, schema):
            if not problem and isinstance(value, PipelineChecksError):
                problem = str(value)
        return StageResult(
            name=declaration.name,
            kind=declaration.kind,
            position=settled.position,
            covers_cut=settled.coverage.covers_cut,
            rows=rows if isinstance(rows, Measured) else None,
            schema=schema.value if isinstance(schema, Measured) else None,
            lag_seconds=settled.coverage.lag_seconds,
            waited_seconds=settled.coverage.waited_seconds,
            problem=problem,
        )


def not_evaluated(stage: str, check: str, reason: str) -> CheckResult:
    """Return the result of a check that was selected and did not run."""
    return CheckResult(stage, check, Judgement(Verdict.ERROR, f"not evaluated: {reason}"), 0.0)
