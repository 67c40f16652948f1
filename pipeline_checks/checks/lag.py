"""lag: a consumer group has committed everything of the cut, nothing beyond it that is not there, and has members."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field

from pipeline_checks.checks.applicability import is_consumer_group
from pipeline_checks.checks.falling_behind import falling_behind
from pipeline_checks.checks.judging import conclude, counted, promise_of
from pipeline_checks.model.check import CheckConfiguration, Evidence
from pipeline_checks.model.conservation import GroupLag, PartitionLag
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.measure import Facts, Measure
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement, Verdict

LAG, GROUP = GroupLag(), Facts("group")


class LagConfiguration(CheckConfiguration):
    """``lag: {records: 1000, members: 1}``.

    ``records``: how many records of the cut may be left when the deadline of the group has passed; none by default.
    ``members``: how many consumers the group must have at least; 0 by default, as one that has ended has none.
    """

    records: Annotated[int, Field(strict=True, ge=0)] = 0
    members: Annotated[int, Field(strict=True, ge=0)] = 0


class LagCheck:
    """Committed offsets against those of the topics at the cut."""

    kind = "lag"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Every consumer group."""
        return is_consumer_group(stage)

    def configure(self, stage: StageDeclaration) -> LagConfiguration:
        """Return the limits."""
        return promise_of(stage, self.kind, LagConfiguration)

    def measures(self, stage: StageDeclaration, configuration: LagConfiguration) -> frozenset[Measure]:
        """Return the lag of each partition, and the members where some are promised."""
        wanted: set[Measure] = {LAG}
        return frozenset(wanted | {GROUP} if configuration.members else wanted)

    def judge(self, configuration: LagConfiguration, evidence: Evidence) -> Judgement:
        """Return FAIL for a group that is behind for longer than it may be, has committed too much or too few members.

        One that is behind and has time left is UNSETTLED.
        """
        partitions: tuple[PartitionLag, ...] = evidence[LAG]
        left = sum(p.records for p in partitions)
        behind = falling_behind(evidence) if left > configuration.records else ()
        findings = (*behind, *_ahead(evidence, partitions), *_members(configuration, evidence))
        message = f"{counted(left, 'record')} left in {counted(len(partitions), 'partition')}"
        judgement = conclude(
            evidence,
            "; ".join([message, *(f.message for f in findings)]),
            {"partitions": len(partitions)},
            findings=findings,
            measures={
                "lag": left,
                "lag_seconds": evidence.coverage.lag_seconds,
                "waited_seconds": evidence.coverage.waited_seconds,
                "partitions": {f"{p.topic}-{p.partition}": p.records for p in partitions},
            },
        )
        if judgement.verdict is not Verdict.FAIL and left > configuration.records:
            return Judgement(Verdict.UNSETTLED, f"not settled: {message}", judgement.looked_at, judgement.measures)
        return judgement


def _ahead(evidence: Evidence, partitions: tuple[PartitionLag, ...]) -> Iterator[Finding]:
    """A commit beyond the cut is no finding: what was given since may be done already."""
    ends = {(p.topic, p.partition): p for p in partitions}
    if not isinstance(evidence.position, OffsetsPosition):
        return
    for topic, partition, committed in evidence.position.offsets:
        known = ends.get((topic, partition))
        if known is not None and known.newest is not None and committed > known.newest:
            yield Finding(
                "unexpected",
                evidence.stage.name,
                f"{evidence.stage.name} has committed offset {committed} of {topic} partition {partition}, which ends"
                f" at {known.newest}",
                position=OffsetsPosition.of({topic: {partition: committed}}),
                detail="beyond_end",
                expected=f"<= {known.newest}",
                seen=committed,
            )


def _members(limits: LagConfiguration, evidence: Evidence) -> Iterator[Finding]:
    if not limits.members:
        return
    group: Mapping[str, Any] = evidence[GROUP]
    members = len(group["members"])
    if members < limits.members:
        yield Finding(
            "stalled",
            evidence.stage.name,
            f"{evidence.stage.name} has {counted(members, 'member')} ({group['state']}), {limits.members} are promised",
            position=evidence.position,
            detail="members",
            expected=limits.members,
            seen=members,
        )


CHECK = LagCheck()
