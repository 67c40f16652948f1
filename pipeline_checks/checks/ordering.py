"""ordering: the events of a key rise by LSN, those of a transaction stand together, transactions in commit order.

A tombstone stands behind a delete of its key only. A record that was made of another has its key, and the records of
a key stand in the order of those that they were made of.

A replay is no change of order; ``duplicates`` tells of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline_checks.checks.applicability import is_event_topic
from pipeline_checks.checks.judging import NothingToConfigure, conclude, counted, named_key, promise_of
from pipeline_checks.checks.linked_order import LINK_ORDER, judge_links
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.links import is_linked
from pipeline_checks.model.measure import Facts, Measure
from pipeline_checks.model.position import OffsetsPosition, format_lsn
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement

ORDER = Facts("order")


class OrderingCheck:
    """The order of the change events in a topic."""

    kind = "ordering"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Topics of change events whose contract has a key, and topics of records that were made of others."""
        return is_linked(stage) or (is_event_topic(stage) and bool(stage.contract.key))

    def configure(self, stage: StageDeclaration) -> NothingToConfigure:
        """Return the empty configuration: the order of the log is the promise."""
        return promise_of(stage, self.kind, NothingToConfigure)

    def measures(self, stage: StageDeclaration, configuration: NothingToConfigure) -> frozenset[Measure]:
        """Return what stands out of order; the events of a snapshot have none."""
        return frozenset({LINK_ORDER if is_linked(stage) else ORDER})

    def judge(self, configuration: NothingToConfigure, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding an event that stands behind one it should stand before."""
        if is_linked(evidence.stage):
            return judge_links(evidence)
        order: Mapping[str, Any] = evidence[ORDER]
        findings = tuple(_findings(evidence, order))
        total = sum(int(order[f"{name}_total"]) for name in ("keys", "transactions", "commits", "tombstones"))
        events, untold = int(order["events"]), int(order["without_lsn"])
        message = f"{counted(events, 'event')} in the order of the log"
        if total:
            message = f"{counted(total, 'event')} of {events:,} out of order"
        elif not events and not untold:
            message = "no event of the log yet, only what a snapshot has read"
        doubts = [f"{counted(untold, 'event')} without LSN or transaction"] if untold else []
        return conclude(
            evidence,
            message,
            {"events": events, "snapshot_events": int(order["snapshot_events"])},
            findings=findings,
            total=max(total, len(findings)),
            doubts=doubts,
            measures={"events": events, "out_of_order": total, "without_lsn": untold},
        )


def _findings(evidence: Evidence, order: Mapping[str, Any]) -> Iterator[Finding]:
    for event in order["keys"]:
        now, before = format_lsn(event["lsn"]), format_lsn(event["before_lsn"])
        place = f"LSN {now} stands behind LSN {before} at offset {event['before_offset']}"
        yield _finding(evidence, event, "key", place, f">= {before}", now)
    for event in order["transactions"]:
        place = f"it belongs to transaction {event['tx_id']}, which stands apart before another's events"
        place += f" at offset {event['before_offset']}"
        yield _finding(evidence, event, "transaction", place, "one stretch", "several")
    for event in order["commits"]:
        place = f"transaction {event['tx_id']} was committed before the one at offset {event['before_offset']}"
        yield _finding(evidence, event, "commit", place, "commit order", "earlier")
    for event in order["tombstones"]:
        place = f"a tombstone of a row that lives, by the event at offset {event['before_offset']}"
        place += ": where the topic is compacted, its events are lost"
        yield _finding(evidence, event, "tombstone", place, "a delete before it", "a row")


def _finding(
    evidence: Evidence, event: Mapping[str, Any], detail: str, place: str, expected: str, seen: str
) -> Finding:
    partition, offset = int(event["partition"]), int(event["offset"])
    topics = {t for t, _, _ in evidence.position.offsets} if isinstance(evidence.position, OffsetsPosition) else set()
    topic = next(iter(topics), evidence.stage.name)
    return Finding(
        "out_of_order",
        evidence.stage.name,
        f"{named_key(event['key'])} at partition {partition} offset {offset}: {place}",
        key=event["key"],
        position=OffsetsPosition.of({topic: {partition: offset}}),
        detail=detail,
        expected=expected,
        seen=seen,
        extra={"before": OffsetsPosition.of({topic: {partition: event["before_offset"]}}).to_json()},
    )


CHECK = OrderingCheck()
