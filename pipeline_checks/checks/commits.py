"""commits: a consumer group has committed nothing that the tables which it writes do not cover.

What is committed is not given again: whatever of it is in no table is lost when the group is started anew.
"""

from __future__ import annotations

from pipeline_checks.checks.applicability import writes_tables
from pipeline_checks.checks.judging import NothingToConfigure, conclude, counted, promise_of
from pipeline_checks.model.balance import TableCommit, TableCommits
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.measure import Measure
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement

COMMITS = TableCommits()


class CommitsCheck:
    """Committed offsets against those that tables cover."""

    kind = "commits"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Consumer groups that write tables."""
        return writes_tables(stage)

    def configure(self, stage: StageDeclaration) -> NothingToConfigure:
        """Return the empty configuration: what tables say that they cover is the promise."""
        return promise_of(stage, self.kind, NothingToConfigure)

    def measures(self, stage: StageDeclaration, configuration: NothingToConfigure) -> frozenset[Measure]:
        """Return the offsets."""
        return frozenset({COMMITS})

    def judge(self, configuration: NothingToConfigure, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding a partition whose commit lies beyond what a table covers."""
        partitions: tuple[TableCommit, ...] = evidence[COMMITS]
        findings = tuple(_beyond(evidence, p) for p in partitions if p.committed > p.covered)
        behind = sum(p.covered - p.committed for p in partitions if p.covered > p.committed)
        message = f"{counted(len(partitions), 'partition')} committed up to what is covered and no further"
        return conclude(
            evidence,
            message if not findings else "; ".join(f.message for f in findings),
            {"partitions": len(partitions)},
            findings=findings,
            measures={"partitions": len(partitions), "covered_and_not_committed": behind},
        )


def _beyond(evidence: Evidence, one: TableCommit) -> Finding:
    return Finding(
        "unexpected",
        evidence.stage.name,
        f"offset {one.committed} of {one.topic} partition {one.partition} is committed, {one.table} covers"
        f" {one.covered}",
        key={"topic": one.topic, "partition": one.partition},
        position=OffsetsPosition.of({one.topic: {one.partition: one.committed}}),
        detail="beyond_table",
        expected=f"<= {one.covered}",
        seen=one.committed,
        extra={"table": one.table},
    )


CHECK = CommitsCheck()
