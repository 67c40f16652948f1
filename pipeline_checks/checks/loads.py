"""loads: each file that counts as loaded was added to the table by one snapshot, with the rows that it has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline_checks.checks.applicability import is_loaded_by_files
from pipeline_checks.checks.judging import NothingToConfigure, conclude, counted, promise_of, summary_of
from pipeline_checks.checks.load_findings import looked_at, of_all, of_file
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.finding import Finding, FindingKind
from pipeline_checks.model.loading import FileLoad, LoadedFacts, LoadedTable, LoadFacts, SourceFile, TableLoad
from pipeline_checks.model.measure import KEY_SAMPLE, Measure
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement

FACTS = LoadedFacts()


class LoadsCheck:
    """File by file: records of the source, records of the ledger, rows of the snapshot."""

    kind = "loads"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Tables whose snapshots say of which file their rows are."""
        return is_loaded_by_files(stage)

    def configure(self, stage: StageDeclaration) -> NothingToConfigure:
        """Return the empty configuration: the files are the promise."""
        return promise_of(stage, self.kind, NothingToConfigure)

    def measures(self, stage: StageDeclaration, configuration: NothingToConfigure) -> frozenset[Measure]:
        """Return what source, ledger and table tell."""
        return frozenset({FACTS})

    def judge(self, configuration: NothingToConfigure, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding a file whose numbers differ, or that is in the table twice or not at all."""
        facts: LoadFacts = evidence[FACTS]
        table = facts.table or LoadedTable(None)
        own = table.of(facts.known.ingestion_id)
        live = [one for one in own if one.is_live]
        files = facts.in_table()
        findings = (*_of_files(evidence, facts, files, own), *_of_snapshots(evidence, facts, live))
        message = f"{counted(len(files), 'loaded file')} in {counted(len(live), 'snapshot')}, each once"
        elsewhere = len(facts.known.loaded()) - len(files)
        return conclude(
            evidence,
            summary_of(findings) if findings else message,
            looked_at(facts.known, snapshots=len(live)),
            findings=findings[:KEY_SAMPLE],
            total=len(findings),
            measures={
                "loaded_files": len(files),
                "records": sum(file.records or 0 for file in files),
                "rows": table.rows,
                "rows_of_others": table.other_rows,
                "loaded_into_earlier_tables": elsewhere,
                "table_uuid": table.uuid,
            },
        )


def _of_files(
    evidence: Evidence, facts: LoadFacts, files: Sequence[FileLoad], snapshots: Sequence[TableLoad]
) -> Iterator[Finding]:
    source = {file.version: file for file in facts.source or ()}
    for file in files:
        own = [one for one in snapshots if (one.path, one.etag) == (file.path, file.etag)]
        there = source.get(file.version)
        if there is not None:
            yield from _of_source(evidence, file, there)
        if not own:
            if file.records:
                message = f"{file.path} counts as loaded with {counted(file.records, 'record')}, no snapshot added it"
                yield of_file(evidence, "missing", file.path, "no_snapshot", message, file.records, 0)
            continue
        if file.records is not None and all(one.added_records != file.records for one in own):
            message = f"{file.path} counts as loaded with {counted(file.records, 'record')}, its snapshot added "
            message += f"{own[-1].added_records:,}"
            yield of_file(evidence, "changed", file.path, "snapshot", message, own[-1].added_records, file.records)


def _of_source(evidence: Evidence, file: FileLoad, there: SourceFile) -> Iterator[Finding]:
    records = None if file.records is None else file.records + file.quarantined
    good = there.records - there.malformed_total
    if records != there.records or (file.records != good):
        kind: FindingKind = "missing" if (file.records or 0) < good else "unexpected"
        beside = f" and {file.quarantined:,} put aside" if file.quarantined else ""
        bad = f", {there.malformed_total:,} of them malformed" if there.malformed_total else ""
        message = f"{file.path} has {counted(there.records, 'line')}{bad}; "
        message += f"{file.records or 0:,} count as loaded{beside}"
        yield of_file(evidence, kind, file.path, "records", message, good, file.records)


def _of_snapshots(evidence: Evidence, facts: LoadFacts, live: Sequence[TableLoad]) -> Iterator[Finding]:
    known = {(f.path, f.etag) for f in facts.known.loaded()}
    seen: dict[tuple[str | None, str | None], int] = {}
    for one in live:
        if one.path is None:
            message = f"the snapshot {one.snapshot_id} added {counted(one.added_records, 'row')} of no file"
            yield of_all(evidence, "unexpected", "foreign_writer", message, 0, one.added_records)
            continue
        place = (one.path, one.etag)
        if place in seen:
            message = f"{one.path} was added by two snapshots, {seen[place]} and {one.snapshot_id}"
            yield of_file(
                evidence, "duplicate", one.path, "replayed", message, 1, 2, snapshots=[seen[place], one.snapshot_id]
            )
        elif place not in known:
            message = f"the snapshot {one.snapshot_id} added {one.path}, which does not count as loaded"
            yield of_file(evidence, "unexpected", one.path, "not_in_ledger", message, 0, one.added_records)
        seen[place] = one.snapshot_id


CHECK = LoadsCheck()
