"""rejected: what a feed has sent and no one can use stands in the dead letters, as it was, once, with a reason."""

from __future__ import annotations

from pipeline_checks.checks.judging import NothingToConfigure, conclude, counted, promise_of
from pipeline_checks.model.balance import Rejected, RejectedDifference, RejectedFrames
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.measure import Measure
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement, Verdict


class RejectedCheck:
    """Frames and records that had to be rejected, against the dead letters."""

    kind = "rejected"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Every topic of dead letters whose contract promises it."""
        return stage.holds_rows and stage.contract.promises.get(self.kind) is not None

    def configure(self, stage: StageDeclaration) -> NothingToConfigure:
        """Return the empty configuration: the stages before tell what was sent."""
        return promise_of(stage, self.kind, NothingToConfigure)

    def measures(self, stage: StageDeclaration, configuration: NothingToConfigure) -> frozenset[Measure]:
        """Return what was rejected."""
        return frozenset({RejectedFrames()})

    def judge(self, configuration: NothingToConfigure, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding a frame that is not among the dead letters, and a dead letter of nothing."""
        found: RejectedDifference = evidence[RejectedFrames()]
        sent = f"{counted(found.frames, 'frame')} and {counted(found.records, 'record')} rejected"
        measures = {
            "frames": found.frames,
            "records": found.records,
            "letters": found.letters,
            "reasons": dict(found.reasons),
            "without_reason": found.without_reason,
        }
        looked_at = {"frames": found.frames, "records": found.records, "letters": found.letters}
        if not found.has_ledger:
            message = f"{counted(found.letters, 'dead letter')}: what the feed has sent is not known"
            return Judgement(Verdict.UNSETTLED, message, looked_at, measures)
        findings = [
            *(_missing(evidence, one) for one in found.missing),
            *(_unexpected(evidence, one) for one in found.unexpected),
        ]
        doubts = []
        if found.without_reason:
            doubts.append(f"{counted(found.without_reason, 'dead letter')} without a reason")
        return conclude(
            evidence,
            f"{sent}, {counted(found.letters, 'dead letter')}",
            looked_at,
            findings=findings,
            total=found.missing_total + found.unexpected_total,
            doubts=doubts,
            measures=measures,
        )


def _missing(evidence: Evidence, one: Rejected) -> Finding:
    name = evidence.stage.name
    return Finding(
        "not_in_dead_letters",
        name,
        f"{one.where} ({one.reason}) is not in {name}",
        key=dict(one.key),
        position=evidence.position,
        expected=1,
        seen=0,
    )


def _unexpected(evidence: Evidence, one: Rejected) -> Finding:
    return Finding(
        "unexpected",
        evidence.stage.name,
        f"{one.where} ({one.reason}) is of nothing that had to be rejected",
        key=dict(one.key),
        position=evidence.position,
        expected=0,
        seen=1,
    )


CHECK = RejectedCheck()
