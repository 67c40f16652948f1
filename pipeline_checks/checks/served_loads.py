"""served_loads: what an API tells of runs and files is what its ledger has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from pipeline_checks.checks.judging import NothingToConfigure, as_json, conclude, counted, promise_of, summary_of
from pipeline_checks.checks.load_findings import looked_at, of_file, of_run
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.kinds import LOAD_VIEW_KINDS
from pipeline_checks.model.loading import FileLoad, LoadedFacts, LoadFacts, LoadRun, Loads
from pipeline_checks.model.measure import KEY_SAMPLE, Measure
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement

FACTS = LoadedFacts()
_RUN = ("status", "trigger", "started_at", "ended_at")
_FILE = ("status", "records", "bytes_read", "retries", "error_type", "run_id")
T = TypeVar("T")


class ServedLoadsCheck:
    """Runs and files, one by one; what changed while the API was asked may be either way."""

    kind = "served_loads"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """APIs that tell of runs and files."""
        return stage.kind in LOAD_VIEW_KINDS and getattr(stage, "view", "loads") == "loads"

    def configure(self, stage: StageDeclaration) -> NothingToConfigure:
        """Return the empty configuration: the ledger is the promise."""
        return promise_of(stage, self.kind, NothingToConfigure)

    def measures(self, stage: StageDeclaration, configuration: NothingToConfigure) -> frozenset[Measure]:
        """Return what API and ledger tell."""
        return frozenset({FACTS})

    def judge(self, configuration: NothingToConfigure, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding a run or a file that the API tells otherwise, not at all, or of nothing."""
        facts: LoadFacts = evidence[FACTS]
        served = facts.served or Loads("", evidence.now)
        findings = (*_runs(evidence, facts, served), *_files(evidence, facts, served))
        message = f"{counted(len(served.runs), 'run')} and {counted(len(served.files), 'file')} as in the ledger"
        return conclude(
            evidence,
            summary_of(findings) if findings else message,
            looked_at(served),
            findings=findings[:KEY_SAMPLE],
            total=len(findings),
            measures={"runs": len(served.runs), "files": len(served.files)},
        )


def _runs(evidence: Evidence, facts: LoadFacts, served: Loads) -> Iterator[Finding]:
    since = served.runs_since

    def told(loads: Loads) -> Sequence[LoadRun]:
        return [run for run in loads.runs if since is None or run.started_at >= since]

    for name, expected, seen in _differing(facts, served, told, lambda run: run.id, _run):
        message = f"the API tells of the run {name} {_said(expected, seen)}"
        yield of_run(evidence, _kind(expected, seen), name, "run", message, expected, seen)


def _files(evidence: Evidence, facts: LoadFacts, served: Loads) -> Iterator[Finding]:
    found = _differing(facts, served, lambda loads: loads.files, lambda f: "\0".join(map(str, f.version)), _file)
    for name, expected, seen in found:
        path = name.partition("\0")[0]
        message = f"the API tells of {path} {_said(expected, seen)}"
        yield of_file(evidence, _kind(expected, seen), path, "file", message, expected, seen)


def _differing(
    facts: LoadFacts,
    served: Loads,
    of: Callable[[Loads], Sequence[T]],
    name: Callable[[T], str],
    told: Callable[[T], dict[str, Any]],
) -> Iterator[tuple[str, dict[str, Any] | None, dict[str, Any] | None]]:
    """Yield what the API tells otherwise than the ledger both before and after it was asked."""
    before, after = ({name(one): told(one) for one in of(loads)} for loads in (facts.known, facts.later or facts.known))
    seen = {name(one): told(one) for one in of(served)}
    for key in sorted({*before, *seen}):
        if seen.get(key) in (before.get(key), after.get(key)):
            continue
        expected = before.get(key)
        both = {**(expected or {}), **(seen.get(key) or {})}
        names = [n for n in both if (expected or {}).get(n) != (seen.get(key) or {}).get(n)]
        yield key, _only(expected, names), _only(seen.get(key), names)


def _only(told: dict[str, Any] | None, names: Sequence[str]) -> dict[str, Any] | None:
    return None if told is None else {name: told.get(name) for name in names}


def _run(run: LoadRun) -> dict[str, Any]:
    errors = [{name: error.get(name) for name in ("file", "error_type")} for error in run.errors]
    return {**{name: as_json(getattr(run, name)) for name in _RUN}, **run.counts, "errors": errors}


def _file(file: FileLoad) -> dict[str, Any]:
    return {name: as_json(getattr(file, name)) for name in _FILE}


def _kind(expected: Any, seen: Any) -> Any:
    if expected is None:
        return "unexpected"
    return "missing" if seen is None else "changed"


def _said(expected: dict[str, Any] | None, seen: dict[str, Any] | None) -> str:
    if seen is None:
        return "nothing"
    if expected is None:
        return "which the ledger does not have"
    return ", ".join(f"{name} {seen[name]} instead of {expected.get(name)}" for name in seen)


CHECK = ServedLoadsCheck()
