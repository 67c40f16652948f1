"""continuity: the connector and its slot live, and every commit of a lake table is accounted for.

Of a connector ``connector_facts`` and ``slot_facts`` judge, of a lake table ``commit_facts``.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline_checks.checks.applicability import is_connector, knows_its_database, says_what_it_covers
from pipeline_checks.checks.commit_facts import CommitHistory
from pipeline_checks.checks.connector_facts import connector_findings
from pipeline_checks.checks.falling_behind import falling_behind
from pipeline_checks.checks.judging import conclude, counted, promise_of, summary_of
from pipeline_checks.checks.slot_facts import (
    Slot,
    publication_findings,
    retained_bytes,
    slot_doubts,
    slot_findings,
    slots_of,
)
from pipeline_checks.checks.slot_history import (
    has_reconnected,
    history_findings,
    is_other_cluster,
    offset_findings,
)
from pipeline_checks.model.check import CheckConfiguration, Evidence
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.measure import KEY_SAMPLE, Facts, Measure
from pipeline_checks.model.previous import Previous, PreviousState
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement

CONNECTOR, OFFSET, COMMITS = Facts("connector"), Facts("offset"), Facts("commits")
SLOTS, PUBLICATION = Facts("slots"), Facts("publication")
PREVIOUS = Previous()


class ContinuityConfiguration(CheckConfiguration):
    """``continuity: {allowed_slots: [audit], retained_wal: 1073741824, safe_wal: 104857600, acknowledged: [57]}``.

    ``allowed_slots``: further replication slots of the database that are known and feed something else.
    ``retained_wal``: bytes of log that the slot may keep back before the check warns; no limit by default.
    ``safe_wal``: bytes of log that it must still be possible to write before the slot loses what it has not handed
    out, where the server limits that (``max_slot_wal_keep_size``).
    ``acknowledged``: versions or snapshots of a table that another writer is known to have made, such as a repair.
    """

    allowed_slots: tuple[str, ...] = ()
    retained_wal: Annotated[int, Field(strict=True, gt=0)] | None = None
    safe_wal: Annotated[int, Field(strict=True, gt=0)] | None = None
    acknowledged: tuple[int | str, ...] = ()


class ContinuityCheck:
    """Connector, tasks, slot and configuration of a service; the writers of a lake table."""

    kind = "continuity"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Connectors, and lake tables whose commits say what they cover."""
        return is_connector(stage) or says_what_it_covers(stage)

    def configure(self, stage: StageDeclaration) -> ContinuityConfiguration:
        """Return what is known and allowed."""
        return promise_of(stage, self.kind, ContinuityConfiguration)

    def measures(self, stage: StageDeclaration, configuration: ContinuityConfiguration) -> frozenset[Measure]:
        """Return the facts that the connector, or the table's history, tells of itself."""
        if not is_connector(stage):
            return frozenset({COMMITS})
        wanted: set[Measure] = {CONNECTOR, OFFSET, PREVIOUS}
        if knows_its_database(stage):
            wanted.add(SLOTS)
            if getattr(stage, "publication", None):
                wanted.add(PUBLICATION)
        return frozenset(wanted)

    def judge(self, configuration: ContinuityConfiguration, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding for each thing that stands still, is lost, or that no one declared."""
        if is_connector(evidence.stage):
            return _judge_connector(configuration, evidence)
        return _judge_commits(configuration, evidence)


def _judge_connector(configuration: ContinuityConfiguration, evidence: Evidence) -> Judgement:
    connector = evidence[CONNECTOR]
    slots: tuple[Slot, ...] = ()
    previous: PreviousState = evidence[PREVIOUS]
    reconnected: bool | None = None
    findings: list[Finding] = [*connector_findings(evidence, connector)]
    if knows_its_database(evidence.stage):
        slots = slots_of(evidence[SLOTS], connector)
        own = tuple(slot for slot in slots if slot.own)
        findings += slot_findings(evidence, slots, evidence[OFFSET], configuration.allowed_slots)
        findings += history_findings(evidence, evidence[SLOTS], own, previous)
        reconnected = has_reconnected(evidence[SLOTS], own, previous)
        if not is_other_cluster(evidence[SLOTS], previous):
            findings += offset_findings(evidence, evidence[OFFSET], previous)
        if PUBLICATION in evidence.values:
            findings += publication_findings(evidence, evidence[PUBLICATION])
    findings += falling_behind(evidence)
    tasks = connector.get("tasks") or ()
    message = f"connector {connector.get('name')} and {counted(len(tasks), 'task')} run"
    message += ", its slot is active" if slots else ", of its slot nothing is known: declare its connection"
    if findings:
        message = summary_of(findings)
    return conclude(
        evidence,
        message,
        {"tasks": len(tasks)},
        findings=findings,
        doubts=slot_doubts(slots, configuration.retained_wal, configuration.safe_wal),
        measures={
            "tasks": len(tasks),
            "running_tasks": sum(1 for t in tasks if t.get("state") == "RUNNING"),
            "slots": len(slots),
            "retained_bytes": retained_bytes(slots),
            "lag_seconds": evidence.coverage.lag_seconds,
            "reconnected": reconnected,
        },
    )


def _judge_commits(configuration: ContinuityConfiguration, evidence: Evidence) -> Judgement:
    history = CommitHistory(evidence, evidence[COMMITS], configuration.acknowledged)
    findings = history.findings()
    changing = sum(1 for c in history.commits if c.get("changes_data"))
    message = f"each of {counted(changing, 'commit')} that changed data says what it covers"
    if findings:
        message = summary_of(findings)
    return conclude(
        evidence,
        message,
        {"commits": len(history.commits)},
        findings=findings[:KEY_SAMPLE],
        total=len(findings),
        measures={
            "commits": len(history.commits),
            "data_commits": changing,
            "maintenance_commits": sum(1 for c in history.commits if c.get("maintenance")),
            "foreign_commits": sum(1 for f in findings if f.detail == "foreign_writer"),
        },
    )


CHECK = ContinuityCheck()
