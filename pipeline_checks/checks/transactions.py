"""transactions: every transaction of the cut has as many events in the captured topics as the connector says."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline_checks.checks.applicability import tells_transactions
from pipeline_checks.checks.judging import NothingToConfigure, conclude, counted, promise_of
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.measure import Measure
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.transactions import TornTransaction, TransactionComparison, TransactionDifference
from pipeline_checks.model.verdict import Judgement, Verdict


class TransactionsCheck:
    """Whole transactions: their events counted in each topic, against the END of each in the transaction topic."""

    kind = "transactions"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Connectors that are declared to have a transaction topic (``transactions: {brokers, topic}``)."""
        return tells_transactions(stage)

    def configure(self, stage: StageDeclaration) -> NothingToConfigure:
        """Return the empty configuration: the numbers that the connector tells are the promise."""
        return promise_of(stage, self.kind, NothingToConfigure)

    def measures(self, stage: StageDeclaration, configuration: NothingToConfigure) -> frozenset[Measure]:
        """Return the comparison of transactions."""
        return frozenset({TransactionComparison()})

    def judge(self, configuration: NothingToConfigure, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding for each transaction and table whose numbers differ."""
        found: TransactionDifference = evidence[TransactionComparison()]
        looked_at = {"transactions": found.transactions, "events": found.events}
        measures = {**looked_at, "torn": found.torn_total, "unknown": found.unknown}
        what = f"{counted(found.transactions, 'transaction')} with {counted(found.events, 'event')}"
        if evidence.coverage.covers_cut is not True:
            reason = evidence.coverage.reason or "the connector does not cover the cut"
            return Judgement(Verdict.UNSETTLED, f"{what}, not compared: {reason}", looked_at, measures)
        told = f"{counted(found.torn_total, 'transaction')} torn" if found.torn_total else "each is whole"
        topics = f" in {counted(len(found.against), 'topic')}"
        if not found.transactions and found.against and not found.malformed:
            # The snapshot belongs to no transaction; that there was none since is what was looked for.
            message = f"no transaction of the cut{topics}, only what a snapshot has read"
            return conclude(evidence, message, {**looked_at, "topics": len(found.against)}, measures=measures)
        return conclude(
            evidence,
            f"{what}{topics}, {told}",
            looked_at,
            findings=tuple(_finding(torn) for torn in found.torn),
            total=max(found.torn_total, len(found.torn)),
            doubts=_doubts(found),
            measures=measures,
        )


def _finding(torn: TornTransaction) -> Finding:
    events = counted(torn.seen, "event")
    expected = "the connector tells no end of it" if torn.expected is None else f"its end tells of {torn.expected:,}"
    return Finding(
        "torn_transaction",
        torn.stage,
        f"transaction {torn.tx_id} has {events} of {torn.table} in {torn.stage}, {expected}",
        position=torn.position,
        detail="no_end" if torn.expected is None else "event_count",
        expected=torn.expected,
        seen=torn.seen,
        extra={"tx_id": torn.tx_id, "table": torn.table},
    )


def _doubts(found: TransactionDifference) -> Iterator[str]:
    if not found.against:
        yield "no topic is made from this connector"
    if found.unknown:
        yield f"of {counted(found.unknown, 'transaction')} not all is retained"
    if found.malformed:
        yield f"{counted(found.malformed, 'record')} of the transaction topic could not be understood"


CHECK = TransactionsCheck()
