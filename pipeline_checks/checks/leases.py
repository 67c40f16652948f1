"""leases: no run is taken for running that has died, no file is left half done, no failure is kept quiet about."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline_checks.checks.applicability import tells_of_loads
from pipeline_checks.checks.judging import NothingToConfigure, conclude, counted, promise_of, summary_of
from pipeline_checks.checks.load_findings import looked_at, of_file, of_run
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.loading import (
    FAILED,
    PROCESSING,
    RUNNING,
    FileLoad,
    LoadedFacts,
    LoadFacts,
    Loads,
    normal_path,
)
from pipeline_checks.model.measure import KEY_SAMPLE, Measure
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement

FACTS = LoadedFacts()


class LeasesCheck:
    """States that nobody looks after any more."""

    kind = "leases"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Ledgers of loads."""
        return tells_of_loads(stage)

    def configure(self, stage: StageDeclaration) -> NothingToConfigure:
        """Return the empty configuration: lease and retries are declared with the stage."""
        return promise_of(stage, self.kind, NothingToConfigure)

    def measures(self, stage: StageDeclaration, configuration: NothingToConfigure) -> frozenset[Measure]:
        """Return what the ledger tells."""
        return frozenset({FACTS})

    def judge(self, configuration: NothingToConfigure, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding a run, a file or a failure of that sort."""
        facts: LoadFacts = evidence[FACTS]
        ledger = facts.known
        retries = int(getattr(evidence.stage, "retries", 0))
        given_up = [f for f in ledger.files if f.status == FAILED and f.retries >= retries]
        findings = (*_dead(evidence, ledger), *_left(evidence, ledger), *_quiet(evidence, ledger, given_up))
        waiting = sum(1 for f in ledger.files if f.status == FAILED) - len(given_up)
        running = sum(1 for run in ledger.runs if run.status == RUNNING)
        message = f"{counted(running, 'run')} under way, {counted(waiting, 'failed file')} to be tried again"
        return conclude(
            evidence,
            summary_of(findings) if findings else f"{message}, {len(given_up):,} given up and told",
            looked_at(ledger),
            findings=findings[:KEY_SAMPLE],
            total=len(findings),
            measures={"running": running, "failed": waiting, "given_up": len(given_up)},
        )


def _dead(evidence: Evidence, ledger: Loads) -> Iterator[Finding]:
    for run in ledger.runs:
        if run.status == RUNNING and run.lease_until is not None and run.lease_until <= ledger.taken_at:
            over = (ledger.taken_at - run.lease_until).total_seconds()
            message = f"the run {run.id} is said to be running, its lease was over {over:,.0f} s before"
            yield of_run(evidence, "stalled", run.id, "lease", message, "a live lease", run.lease_until.isoformat())


def _left(evidence: Evidence, ledger: Loads) -> Iterator[Finding]:
    """A file is looked after as long as its run is."""
    alive = {run.id for run in ledger.runs if run.status == RUNNING}
    for file in ledger.files:
        if file.status == PROCESSING and file.run_id not in alive:
            since = None if file.processing_started_at is None else file.processing_started_at.isoformat()
            message = f"{file.path} is said to be loaded since {since} by a run that is not running"
            yield of_file(evidence, "stalled", file.path, "processing", message, "a running run", file.run_id)


def _quiet(evidence: Evidence, ledger: Loads, given_up: list[FileLoad]) -> Iterator[Finding]:
    told = {normal_path(str(error.get("file", ""))) for run in ledger.runs for error in run.errors}
    for file in given_up:
        if file.path not in told:
            message = f"{file.path} failed ({file.error_type}) and is not tried again, no run tells of it"
            yield of_file(evidence, "missing", file.path, "unreported", message, 1, 0)


CHECK = LeasesCheck()
