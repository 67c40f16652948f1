"""sequence: the numbers that a feed gives its rows have no gap, and rise in the order in which rows stand."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from pipeline_checks.checks.judging import as_json, conclude, counted, named_key, promise_of, summary_of
from pipeline_checks.model.check import CheckConfiguration, Evidence
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.measure import KEY_SAMPLE, Measure
from pipeline_checks.model.sequences import Gap, Misplaced, Sequences, SequenceState
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement

_TOLD_NUMBERS = 1000
"""Numbers of a gap that a finding lists; of a longer one it tells the ends."""


class SequenceConfiguration(CheckConfiguration):
    """``sequence: {number: source_sequence, by: [symbol], large: 10}``.

    ``number``: the column that counts, up by one from row to row. ``by``: the columns of the groups that are counted
    each on its own. ``large``: a gap of more numbers than this is critical; 10 by default.
    """

    number: str
    by: tuple[str, ...] = ()
    large: Annotated[int, Field(strict=True, ge=1)] = 10


class SequenceCheck:
    """Gaps, order and repetition of numbered rows, over the range that is there."""

    kind = "sequence"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Every stage with rows whose contract promises a sequence."""
        return stage.holds_rows and stage.contract.promises.get(self.kind) is not None

    def configure(self, stage: StageDeclaration) -> SequenceConfiguration:
        """Return the columns; raises ConfigurationError for one that the contract does not have."""
        found = promise_of(stage, self.kind, SequenceConfiguration)
        for name in (found.number, *found.by):
            if stage.contract.columns and name not in stage.contract.columns:
                raise ConfigurationError(
                    f"the sequence of {stage.name} names {name!r}, which is not a column of its contract",
                    next_step=f"Its columns are: {', '.join(stage.contract.columns)}.",
                    path=(self.kind,),
                )
        return found

    def measures(self, stage: StageDeclaration, configuration: SequenceConfiguration) -> frozenset[Measure]:
        """Return the numbers."""
        return frozenset({SequenceState(configuration.by, configuration.number)})

    def judge(self, configuration: SequenceConfiguration, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding a gap and a row out of order; WARN of gaps where the feed promises none."""
        found: Sequences = evidence[SequenceState(configuration.by, configuration.number)]
        gaps = [_gap(configuration, evidence, gap) for gap in found.gaps]
        misplaced = [_misplaced(evidence, row) for row in found.misplaced]
        resets = [_reset(evidence, row) for row in found.restarts]
        doubts: list[str] = []
        missing = found.missing_total
        if not found.promised and gaps:
            doubts.append(f"{counted(missing, 'number')} missing, which the feed does not promise: {summary_of(gaps)}")
            gaps, missing = [], 0
        findings = [*gaps, *resets, *misplaced]
        message = f"{counted(found.rows, 'row')} in {counted(found.groups, 'sequence')} without a gap"
        if findings or doubts:
            message = f"{counted(found.rows, 'row')} in {counted(found.groups, 'sequence')}"
        if findings:
            message += f": {summary_of(findings)}"
        if found.repeated:
            message += f", {found.repeated:,} repeated"
        return conclude(
            evidence,
            message,
            {"rows": found.rows},
            findings=tuple(findings[:KEY_SAMPLE]),
            total=len(gaps) + len(resets) + max(found.misplaced_total, len(misplaced)),
            doubts=doubts,
            measures={
                "rows": found.rows,
                "sequences": found.groups,
                "missing": found.missing_total,
                "gaps": len(found.gaps),
                "largest_gap": max((g.numbers for g in found.gaps), default=0),
                "out_of_order": found.misplaced_total if found.is_ordered else None,
                "resets": len(found.restarts) if found.is_ordered else None,
                "duplicates": found.repeated,
                "ranges": {name: list(ends) for name, ends in found.ranges.items()},
                "unpromised_gaps": [] if found.promised else [_told(g) for g in found.gaps[:KEY_SAMPLE]],
            },
        )


def _gap(configuration: SequenceConfiguration, evidence: Evidence, gap: Gap) -> Finding:
    name, is_large = evidence.stage.name, gap.numbers > configuration.large
    which = (
        f"{configuration.number} {gap.first}"
        if gap.numbers == 1
        else f"{configuration.number} {gap.first} to {gap.last}"
    )
    group = f"{named_key(gap.group)}: " if gap.group else ""
    where = "" if gap.stage == name else f", first at {gap.stage}"
    numbers = list(range(gap.first, gap.last + 1)) if gap.numbers <= _TOLD_NUMBERS else [gap.first, gap.last]
    return Finding(
        "gap",
        gap.stage,
        f"{group}{which} missing from {name}, {counted(gap.numbers, 'number')}{where}",
        key={**_json(gap.group), "first": gap.first, "last": gap.last},
        position=evidence.position,
        detail="large" if is_large else "small",
        expected=gap.numbers,
        seen=0,
        extra={
            "severity": "critical" if is_large else "warning",
            "numbers": numbers,
            **({} if gap.stage == name else {"seen_at": name}),
        },
    )


def _misplaced(evidence: Evidence, row: Misplaced) -> Finding:
    name = evidence.stage.name
    where = "" if row.stage == name else f", first at {row.stage}"
    return Finding(
        "out_of_order",
        row.stage,
        f"{named_key(row.key)} stands behind {row.after} in {name}{where}",
        key=_json(row.key),
        position=row.position or evidence.position,
        detail="sequence",
        expected=f"> {row.after}",
        seen=next(reversed(list(row.key.values())), None),
        extra={} if row.stage == name else {"seen_at": name},
    )


def _reset(evidence: Evidence, row: Misplaced) -> Finding:
    return Finding(
        "out_of_order",
        row.stage,
        f"{named_key(row.key)}: the sequence begins anew behind {row.after}",
        key=_json(row.key),
        position=row.position or evidence.position,
        detail="reset",
        expected=f"> {row.after}",
        seen=next(reversed(list(row.key.values())), None),
    )


def _told(gap: Gap) -> dict[str, Any]:
    return {**_json(gap.group), "first": gap.first, "last": gap.last}


def _json(key: Any) -> dict[str, Any]:
    return {name: as_json(value) for name, value in key.items()}


CHECK = SequenceCheck()
