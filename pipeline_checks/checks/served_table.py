"""served_table: what an API tells of the table that it loads is so: its rows, its fields, what a refresh would do."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline_checks.checks.judging import NothingToConfigure, conclude, counted, promise_of, summary_of
from pipeline_checks.checks.load_findings import looked_at, of_all
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.finding import Finding, FindingKind
from pipeline_checks.model.kinds import LOAD_VIEW_KINDS
from pipeline_checks.model.loading import LoadedFacts, LoadedTable, LoadFacts, Loads
from pipeline_checks.model.measure import Measure
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement

FACTS = LoadedFacts()


class ServedTableCheck:
    """The API's files, fields and preview against table, ledger and source."""

    kind = "served_table"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """APIs that are asked about the table."""
        return stage.kind in LOAD_VIEW_KINDS and getattr(stage, "view", "loads") == "table"

    def configure(self, stage: StageDeclaration) -> NothingToConfigure:
        """Return the empty configuration: the table is the promise."""
        return promise_of(stage, self.kind, NothingToConfigure)

    def measures(self, stage: StageDeclaration, configuration: NothingToConfigure) -> frozenset[Measure]:
        """Return what API, table, ledger and source tell."""
        return frozenset({FACTS})

    def judge(self, configuration: NothingToConfigure, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding each thing that the API tells otherwise."""
        facts: LoadFacts = evidence[FACTS]
        served, table = facts.served or Loads("", evidence.now), facts.table or LoadedTable(None)
        if served.files != facts.known.files and facts.later is not None and facts.later.files != facts.known.files:
            message = "files were loaded while the API was asked"
            return conclude(evidence, message, looked_at(served), doubts=("it was not compared",))
        findings = (
            *_rows(evidence, facts, served, table),
            *_fields(evidence, served, table),
            *_preview(evidence, facts, served),
        )
        message = f"{counted(table.rows, 'row')} and {counted(len(table.fields), 'field')} as the API tells"
        return conclude(
            evidence,
            summary_of(findings) if findings else message,
            looked_at(served, rows=table.rows),
            findings=findings,
            measures={"rows": table.rows, "schema_version": served.schema_version, **dict(served.preview or {})},
        )


def _rows(evidence: Evidence, facts: LoadFacts, served: Loads, table: LoadedTable) -> Iterator[Finding]:
    mine = {file.version for file in facts.in_table()}
    told = sum(file.records or 0 for file in served.loaded() if file.version in mine)
    rows = table.rows - table.other_rows
    if told != rows:
        kind: FindingKind = "missing" if rows < told else "unexpected"
        message = f"the API tells of {counted(told, 'record')} that were loaded, the table has {counted(rows, 'row')}"
        yield of_all(evidence, kind, "rows", message, told, rows)


def _fields(evidence: Evidence, served: Loads, table: LoadedTable) -> Iterator[Finding]:
    if not served.schemas or table.uuid is None:
        return
    newest = served.schemas[-1]
    if newest.version != served.schema_version:
        message = f"the API tells of version {served.schema_version} of the schema, the newest is {newest.version}"
        yield of_all(evidence, "changed", "schema_version", message, newest.version, served.schema_version)
    for name in sorted({*newest.fields, *table.fields}):
        if name not in newest.fields or name not in table.fields:
            where = ("the table", "the API") if name in table.fields else ("the API", "the table")
            message = f"{where[0]} has the field {name}, {where[1]} does not"
            detail = "added" if name in table.fields else "dropped"
            yield of_all(
                evidence, "schema_drift", detail, message, newest.fields.get(name), str(table.fields.get(name))
            )


def _preview(evidence: Evidence, facts: LoadFacts, served: Loads) -> Iterator[Finding]:
    """A refresh would load everything that is there; the listing is not that of the check, so new objects are left."""
    told, source = served.preview, facts.source
    if told is None or source is None or facts.listed_at is None:
        return
    due = [f for f in source if facts.known.start is None or f.modified >= facts.known.start]
    for name, expected in (("files_to_process", len(due)), ("estimated_bytes", sum(f.size for f in due))):
        if name in told and told[name] != expected:
            message = f"the API tells of {told[name]:,} {name.replace('_', ' ')} of a refresh, there are {expected:,}"
            yield of_all(evidence, "changed", name, message, expected, told[name])


CHECK = ServedTableCheck()
