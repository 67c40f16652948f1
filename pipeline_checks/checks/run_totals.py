"""run_totals: the numbers of a run are the sums over its files, and its state follows from them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from pipeline_checks.checks.applicability import tells_of_loads
from pipeline_checks.checks.judging import NothingToConfigure, conclude, counted, promise_of, summary_of
from pipeline_checks.checks.load_findings import looked_at, of_file, of_run
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.loading import (
    CHANGED,
    FAILED,
    LOADED,
    PROCESSING,
    RUNNING,
    LoadedFacts,
    LoadFacts,
    LoadRun,
    Loads,
    RunFile,
    normal_path,
)
from pipeline_checks.model.measure import KEY_SAMPLE, Measure
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement

FACTS = LoadedFacts()


class RunTotalsCheck:
    """Numbers of runs against what each did with its files."""

    kind = "run_totals"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Ledgers of loads."""
        return tells_of_loads(stage)

    def configure(self, stage: StageDeclaration) -> NothingToConfigure:
        """Return the empty configuration: the files of a run are the promise."""
        return promise_of(stage, self.kind, NothingToConfigure)

    def measures(self, stage: StageDeclaration, configuration: NothingToConfigure) -> frozenset[Measure]:
        """Return what the ledger tells."""
        return frozenset({FACTS})

    def judge(self, configuration: NothingToConfigure, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding a number or state of a run that its files do not have."""
        facts: LoadFacts = evidence[FACTS]
        ledger = facts.known
        ended = [run for run in ledger.runs if run.status != RUNNING]
        by_run: dict[str, list[RunFile]] = {}
        for file in ledger.run_files or ():
            by_run.setdefault(file.run_id, []).append(file)
        told = ledger.run_files is not None
        of_runs = (f for run in ended for f in _findings(evidence, run, by_run.get(run.id, []) if told else None))
        findings = (*of_runs, *_of_files(evidence, ledger, by_run))
        seconds = sorted((r.ended_at - r.started_at).total_seconds() for r in ended if r.ended_at is not None)
        return conclude(
            evidence,
            summary_of(findings) if findings else f"{counted(len(ended), 'run')} as their files",
            looked_at(ledger),
            findings=findings[:KEY_SAMPLE],
            total=len(findings),
            doubts=() if ledger.run_files is not None else ("which files each run had is not told",),
            measures={
                "runs": len(ended),
                **{f"run_p{share}_seconds": _quantile(seconds, share / 100) for share in (50, 95)},
                "run_max_seconds": seconds[-1] if seconds else None,
            },
        )


def _findings(evidence: Evidence, run: LoadRun, files: Sequence[RunFile] | None) -> Iterator[Finding]:
    if run.ended_at is None:
        yield of_run(evidence, "missing", run.id, "ended_at", f"the run {run.id} has ended, when is not told", 1, 0)
    for name, expected in {**({} if files is None else _sums(files)), "error_count": len(run.errors)}.items():
        seen = run.counts.get(name)
        if seen is not None and seen != expected:
            message = f"the run {run.id} says {name.replace('_', ' ')} {seen:,}, it is {expected:,}"
            yield of_run(evidence, "changed", run.id, name, message, expected, seen)
    if files is None:
        return
    expected_state = _state(run, files)
    if run.status != expected_state:
        message = f"the run {run.id} is {run.status}, by its files it is {expected_state}"
        yield of_run(evidence, "changed", run.id, "status", message, expected_state, run.status)
    told = {normal_path(str(error.get("file", ""))) for error in run.errors}
    for file in files:
        if file.status == FAILED and file.path not in told:
            message = f"{file.path} failed in the run {run.id}, whose errors do not name it"
            yield of_run(evidence, "missing", run.id, "error", message, file.path, None)


def _of_files(evidence: Evidence, ledger: Loads, by_run: Mapping[str, Sequence[RunFile]]) -> Iterator[Finding]:
    """A file is as the last run that had it has left it."""
    for file in ledger.files:
        own = [one for one in by_run.get(file.run_id or "", ()) if (one.path, one.etag) == (file.path, file.etag)]
        if not own or file.status == PROCESSING:
            continue
        expected = {"status": own[-1].status, "records": own[-1].records, "bytes_read": own[-1].bytes_read}
        seen = {"status": file.status, "records": file.records or 0, "bytes_read": file.bytes_read or 0}
        if seen != expected:
            names = [name for name in expected if expected[name] != seen[name]]
            told = ", ".join(f"{name} {seen[name]} instead of {expected[name]}" for name in names)
            message = f"{file.path} is told otherwise than the run {file.run_id} left it: {told}"
            yield of_file(evidence, "changed", file.path, "file", message, expected, seen)


def _sums(files: Sequence[RunFile]) -> dict[str, int]:
    loaded = [file for file in files if file.status == LOADED]
    failed = sum(1 for file in files if file.status == FAILED)
    return {
        "files_processed": len(loaded) + failed,
        "files_succeeded": len(loaded),
        "files_failed": failed,
        "records_ingested": sum(file.records for file in loaded),
        "bytes_read": sum(file.bytes_read for file in files),
    }


def _state(run: LoadRun, files: Sequence[RunFile]) -> str:
    """A run that is stopped as a whole says so in an error that names no file."""
    failed = [file for file in files if file.status == FAILED]
    if any(not error.get("file") for error in run.errors):
        return "failed"
    if not failed:
        return "success"
    some = any(file.status == LOADED for file in files) or all(file.error_type == CHANGED for file in failed)
    return "partial" if some else "failed"


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


CHECK = RunTotalsCheck()
