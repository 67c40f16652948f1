"""conservation: of every record that a consumer group was given exactly one output, among all topics that it writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline_checks.checks.applicability import is_consumer_group, writes_tables
from pipeline_checks.checks.judging import NothingToConfigure, conclude, counted, promise_of
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.conservation import Conservation, ConservationDifference, RecordPlace
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.measure import KeyRange, Measure
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement, Verdict

MADE = Conservation()


class ConservationCheck:
    """Inputs before the cut against the outputs that name them: none lost, none twice, none of nothing."""

    kind = "conservation"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Every consumer group that writes topics."""
        return is_consumer_group(stage) and not writes_tables(stage)

    def configure(self, stage: StageDeclaration) -> NothingToConfigure:
        """Return the empty configuration: the links of the outputs are the promise."""
        return promise_of(stage, self.kind, NothingToConfigure)

    def measures(self, stage: StageDeclaration, configuration: NothingToConfigure) -> frozenset[Measure]:
        """Return what the group made of its inputs."""
        return frozenset({MADE})

    def judge(self, configuration: NothingToConfigure, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding an input without output or with several, or an output without input.

        While the group has not committed past the cut, an input without output proves nothing.
        """
        made: ConservationDifference = evidence[MADE]
        decided = evidence.coverage.covers_cut is True
        findings = tuple(_findings(evidence, made, decided))
        missing = made.missing_total if decided else 0
        total = missing + made.repeated_total + made.unexpected_total
        told = ", ".join(f"{number:,} in {stage}" for stage, number in made.outputs.items())
        message = f"{counted(made.inputs, 'input')}: {told}"
        wrong = {"without output": missing, "with several": made.repeated_total}
        message += "".join(f", {number:,} {word}" for word, number in wrong.items() if number)
        if made.unexpected_total:
            message += f", {counted(made.unexpected_total, 'output')} of no input"
        doubts = []
        if made.unknown:
            doubts.append(f"nothing can be said of {counted(made.unknown, 'record')}, whose other side has expired")
        judgement = conclude(
            evidence,
            message,
            {"events": made.inputs},
            findings=findings,
            total=max(total, len(findings)),
            doubts=doubts,
            measures={
                "inputs": made.inputs,
                "outputs": dict(made.outputs),
                "missing": made.missing_total,
                "repeated": made.repeated_total,
                "unexpected": made.unexpected_total,
                "unknown": made.unknown,
                "later": made.later,
            },
        )
        if judgement.verdict is not Verdict.FAIL and not decided:
            reason = evidence.coverage.reason or "the group has not committed past the cut"
            text = f"{message}; not decided: {reason}"
            return Judgement(Verdict.UNSETTLED, text, judgement.looked_at, judgement.measures)
        return judgement


def _findings(evidence: Evidence, made: ConservationDifference, decided: bool) -> Iterator[Finding]:
    if decided:
        yield from (_missing(evidence, made, place) for place in made.missing)
        yield from (_range(evidence, made, stretch) for stretch in made.ranges)
    yield from (_repeated(source, outputs) for source, outputs in made.repeated)
    for place, why in made.unexpected:
        yield Finding(
            "unexpected",
            place.stage,
            f"the record at {place} was made of nothing: {why}",
            key=_coordinates(place),
            position=place.position,
            detail="no_input",
            expected=0,
            seen=1,
            extra={"output": place.to_json()},
        )


def _missing(evidence: Evidence, made: ConservationDifference, place: RecordPlace) -> Finding:
    outputs = _outputs(made.outputs)
    return Finding(
        "missing",
        evidence.stage.name,
        f"of the record at {place} (key {place.key}) there is none in {outputs}, though {evidence.stage.name} has"
        " committed it",
        key=_coordinates(place),
        position=place.position,
        detail="no_output",
        expected=1,
        seen=0,
        extra={"input": place.to_json(), "outputs": list(made.outputs)},
    )


def _range(evidence: Evidence, made: ConservationDifference, lost: KeyRange) -> Finding:
    where = f"{lost.topic} partition {lost.partition}, offsets {lost.first}-{lost.last}"
    return Finding(
        "missing",
        evidence.stage.name,
        f"of {counted(lost.keys, 'record')} behind each other at {where} there is none in {_outputs(made.outputs)}",
        position=evidence.position,
        detail="range",
        expected=lost.keys,
        seen=0,
        extra={
            "keys": [dict(key) for key in lost.sample],
            "keys_total": lost.keys,
            "events": {"topic": lost.topic, "partition": lost.partition, "first": lost.first, "last": lost.last},
        },
    )


def _repeated(source: RecordPlace, outputs: tuple[RecordPlace, ...]) -> Finding:
    last = outputs[-1]
    told = "; ".join(str(place) for place in outputs)
    return Finding(
        "duplicate",
        last.stage,
        f"of the record at {source} (key {source.key}) there are {len(outputs)}: {told}",
        key=_coordinates(source),
        position=last.position,
        detail="replayed",
        expected=1,
        seen=len(outputs),
        extra={"input": source.to_json(), "outputs": [place.to_json() for place in outputs]},
    )


def _coordinates(place: RecordPlace) -> dict[str, Any]:
    return {"partition": place.partition, "offset": place.offset}


def _outputs(outputs: Mapping[str, int]) -> str:
    return " or ".join(outputs)


CHECK = ConservationCheck()
