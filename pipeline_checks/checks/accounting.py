"""accounting: every offset of a topic is explained; a stretch that cannot be is a gap with its range.

What stands at an offset is a record, a tombstone, or something that no reader is handed: the marker of a transaction,
a record of an aborted one, one that was compacted away or has expired. Markers are told from lost records by their
number: they stand alone behind the records of their transaction, or few in a row where producers were fenced.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field

from pipeline_checks.checks.applicability import is_topic
from pipeline_checks.checks.judging import conclude, counted, promise_of, summary_of
from pipeline_checks.model.check import CheckConfiguration, Evidence
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.measure import KEY_SAMPLE, Facts, Grade, Measure
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement

ACCOUNT = Facts("accounting")


class AccountingConfiguration(CheckConfiguration):
    """``accounting: {markers_in_a_row: 2}``.

    ``markers_in_a_row``: how many offsets behind each other may be markers of transactions. By default two, since that
    of a producer that was fenced can stand behind the one before; as many as there are producers that write into the
    topic at once, plus one; 0 for a topic that is not written in transactions, which leaves no doubt.
    """

    markers_in_a_row: Annotated[int, Field(strict=True, ge=0)] = 2


class AccountingCheck:
    """The offsets of a topic, each explained."""

    kind = "accounting"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Every topic."""
        return is_topic(stage)

    def configure(self, stage: StageDeclaration) -> AccountingConfiguration:
        """Return how many markers may stand in a row."""
        return promise_of(stage, self.kind, AccountingConfiguration)

    def measures(self, stage: StageDeclaration, configuration: AccountingConfiguration) -> frozenset[Measure]:
        """Return what stands at the offsets."""
        return frozenset({ACCOUNT})

    def judge(self, configuration: AccountingConfiguration, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding a stretch of offsets that nothing explains."""
        account: Mapping[str, Any] = evidence[ACCOUNT]
        gaps = list(_gaps(account, configuration.markers_in_a_row))
        singles_lost = account["single"] if configuration.markers_in_a_row == 0 else 0
        lost = sum(_length(g) for g in gaps) + singles_lost
        markers = account["single"] + sum(_length(s) for s in account["unseen"]) - lost
        findings = [_finding(evidence, g) for g in gaps]
        if singles_lost:
            findings += [_finding(evidence, s) for s in account["single_sample"]]
        kinds = ("records", "tombstones", "malformed", "aborted", "compacted")
        parts = {**{kind: account[kind] for kind in kinds}, "markers": markers}
        told = ", ".join(f"{number:,} {kind}" for kind, number in parts.items() if number)
        message = f"{counted(account['offsets'], 'offset')} accounted for{': ' if told else ''}{told}"
        if account["expired"]:
            message += f"; {account['expired']:,} before them expired"
        is_exact = not markers and not account["compacted"]
        return conclude(
            evidence,
            summary_of(findings) if findings else message,
            {"offsets": account["offsets"]},
            findings=findings[:KEY_SAMPLE],
            total=len(gaps) + singles_lost,
            measures={
                "offsets": account["offsets"],
                **parts,
                "expired": account["expired"],
                "lost": lost,
                "grade": str(Grade.EXACT if is_exact else Grade.BOUND),
            },
        )


def _gaps(account: Mapping[str, Any], allowed: int) -> Iterator[Mapping[str, int]]:
    return (stretch for stretch in account["unseen"] if _length(stretch) > allowed)


def _length(stretch: Mapping[str, int]) -> int:
    return stretch["last"] - stretch["first"] + 1


def _finding(evidence: Evidence, gap: Mapping[str, int]) -> Finding:
    partition, first, last = gap["partition"], gap["first"], gap["last"]
    which = f"offset {first} is" if first == last else f"offsets {first} to {last} are"
    topics = {t for t, _, _ in evidence.position.offsets} if isinstance(evidence.position, OffsetsPosition) else set()
    topic = next(iter(topics), evidence.stage.name)
    return Finding(
        "gap",
        evidence.stage.name,
        f"{which} not in partition {partition} of {topic}, and nothing explains it",
        position=OffsetsPosition.of({topic: {partition: first}}),
        detail="offsets",
        expected=_length(gap),
        seen=0,
        extra={"partition": partition, "first": first, "last": last},
    )


CHECK = AccountingCheck()
