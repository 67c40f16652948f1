"""bytes: of every file that was loaded as many bytes were read as it has."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline_checks.checks.applicability import tells_of_loads
from pipeline_checks.checks.judging import NothingToConfigure, conclude, counted, promise_of, summary_of
from pipeline_checks.checks.load_findings import looked_at, of_file
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.loading import FileLoad, LoadedFacts, LoadFacts
from pipeline_checks.model.measure import KEY_SAMPLE, Measure
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement

FACTS = LoadedFacts()


class BytesCheck:
    """Sizes of objects against the bytes that were read of them."""

    kind = "bytes"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Ledgers of loads that are made from a source."""
        return tells_of_loads(stage) and bool(stage.from_)

    def configure(self, stage: StageDeclaration) -> NothingToConfigure:
        """Return the empty configuration: the sizes are the promise."""
        return promise_of(stage, self.kind, NothingToConfigure)

    def measures(self, stage: StageDeclaration, configuration: NothingToConfigure) -> frozenset[Measure]:
        """Return what source and ledger tell."""
        return frozenset({FACTS})

    def judge(self, configuration: NothingToConfigure, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding a file of which more or less was read than it has."""
        facts: LoadFacts = evidence[FACTS]
        sizes = {file.version: file.size for file in facts.source or ()}
        there = [file for file in facts.known.loaded() if file.version in sizes]
        findings = tuple(_findings(evidence, there))
        size, read = sum(sizes[f.version] for f in there), sum(f.bytes_read or 0 for f in there)
        message = f"{counted(len(there), 'loaded file')} of {counted(size, 'byte')}, {read:,} read"
        return conclude(
            evidence,
            summary_of(findings) if findings else message,
            looked_at(facts.known, bytes=size),
            findings=findings[:KEY_SAMPLE],
            total=len(findings),
            measures={"size": size, "bytes_read": read, "loaded_files": len(there)},
        )


def _findings(evidence: Evidence, files: list[FileLoad]) -> Iterator[Finding]:
    for file in files:
        if file.bytes_read != file.size:
            read = "an unknown number" if file.bytes_read is None else f"{file.bytes_read:,}"
            message = f"{file.path} has {counted(file.size, 'byte')}, {read} were read"
            yield of_file(evidence, "changed", file.path, "bytes_read", message, file.size, file.bytes_read)


CHECK = BytesCheck()
