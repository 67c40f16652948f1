"""discovery: each version of a file that is there is known once, or will be found by the next run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from pipeline_checks.checks.applicability import tells_of_loads
from pipeline_checks.checks.judging import NothingToConfigure, conclude, counted, promise_of, summary_of
from pipeline_checks.checks.load_findings import looked_at, of_file
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.loading import FAILED, FINISHED, LoadedFacts, LoadFacts, Loads, SourceFile
from pipeline_checks.model.measure import Measure
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement

FACTS = LoadedFacts()
_RESOLUTION = timedelta(seconds=1)
"""A store tells the time of arrival in whole seconds."""


class DiscoveryCheck:
    """The objects of the source against the versions that the ledger knows."""

    kind = "discovery"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Ledgers of loads that are made from a source."""
        return tells_of_loads(stage) and bool(stage.from_)

    def configure(self, stage: StageDeclaration) -> NothingToConfigure:
        """Return the empty configuration: the source is the promise."""
        return promise_of(stage, self.kind, NothingToConfigure)

    def measures(self, stage: StageDeclaration, configuration: NothingToConfigure) -> frozenset[Measure]:
        """Return what source and ledger tell."""
        return frozenset({FACTS})

    def judge(self, configuration: NothingToConfigure, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding a version that is in two states, or that a run has passed over."""
        facts: LoadFacts = evidence[FACTS]
        source, ledger = _source(facts), facts.known
        there = {file.version for file in source}
        known = Counter(file.version for file in ledger.files)
        new = [file for file in source if not known[file.version] and not _is_before(ledger, file.modified)]
        absent = sorted({f.path for f in ledger.files} - {f.path for f in source})
        superseded = sum(1 for f in ledger.files if f.version not in there and f.path not in absent)
        failed = [f for f in ledger.files if f.version in there and f.status == FAILED]
        findings = tuple(_findings(evidence, ledger, new, known))
        message = f"{counted(len(source), 'object')}, {len(new):,} of them new, {len(absent):,} known and gone"
        return conclude(
            evidence,
            summary_of(findings) if findings else message,
            looked_at(ledger, objects=len(source)),
            findings=findings,
            doubts=(f"{f.path} could not be loaded: {f.error_type}" for f in failed[:3]),
            measures={
                "objects": len(source),
                "known": len(there & known.keys()),
                "new": len(new),
                "failed": len(failed),
                "absent_from_source": absent[:50],
                "absent": len(absent),
                "superseded": superseded,
                "not_yet_due": sum(1 for f in source if not known[f.version] and _is_before(ledger, f.modified)),
            },
        )


def _source(facts: LoadFacts) -> tuple[SourceFile, ...]:
    if facts.source is None:
        raise ConfigurationError("no source stands before the ledger of loads", next_step="Name it in its `from`.")
    return facts.source


def _is_before(ledger: Loads, modified: datetime) -> bool:
    """Whether an object came before the moment from which on they are loaded."""
    return ledger.start is not None and modified < ledger.start


def _findings(
    evidence: Evidence, ledger: Loads, new: list[SourceFile], known: Counter[tuple[str, str, int]]
) -> Iterator[Finding]:
    for version, times in sorted(known.items()):
        if times > 1:
            states = sorted(f.status for f in ledger.files if f.version == version)
            message = f"a version of {version[0]} is known {times} times, as {' and '.join(states)}"
            yield of_file(evidence, "duplicate", version[0], "states", message, 1, times, states=states)
    looked = [run for run in ledger.runs if run.status in FINISHED and run.trigger != "retry"]
    cleared = ledger.refreshed_at
    for file in new:
        sizes = [f.size for f in ledger.files if (f.path, f.etag) == (file.path, file.etag)]
        if sizes:
            message = f"{file.path} has {counted(file.size, 'byte')}, it is known with {sizes[0]:,}"
            yield of_file(evidence, "changed", file.path, "size", message, file.size, sizes[0])
            continue
        passed = [run for run in looked if file.modified + _RESOLUTION < run.started_at]
        passed = [run for run in passed if cleared is None or run.started_at > cleared]
        if passed:
            message = f"{file.path} was there when the run {passed[-1].id} looked for files, and is not known"
            yield of_file(evidence, "missing", file.path, "passed_over", message, 1, 0, run=passed[-1].id)


CHECK = DiscoveryCheck()
