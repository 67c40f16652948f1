"""fates: every row that came has exactly one fate: it is kept here, or put aside elsewhere with its reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import model_validator

from pipeline_checks.checks.judging import as_json, conclude, counted, named_key, promise_of
from pipeline_checks.model.check import CheckConfiguration, Evidence
from pipeline_checks.model.fates import Fate, FateDifference, Fates
from pipeline_checks.model.finding import Finding, FindingKind
from pipeline_checks.model.measure import Measure
from pipeline_checks.model.selection import Kept, Named, Once, Selection
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement, Verdict


class FatesConfiguration(CheckConfiguration):
    """``fates: {of: [{stage: orders, key: [id]}], key: [id], others: [{stage: rejects, key: [id], reason: why}]}``.

    ``of``: the rows that must have a fate; ``key`` and ``where``: those of this stage; ``others``: rows that were put
    aside. All keys have the same names. ``rule`` is a SQL expression over a row of ``of`` that gives the reason for
    which it must be put aside (NULL: it must be kept), ``once`` which of equal rows are. ``show`` are values of the row
    that findings tell too. Or ``fates: {told_at: STAGE}``: the stage is among the others of that one.
    """

    of: tuple[Selection, ...] = ()
    key: Named = ()
    where: str | None = None
    others: tuple[Kept, ...] = ()
    rule: str | None = None
    once: Once | None = None
    show: Named = ()
    told_at: str | None = None

    @model_validator(mode="after")
    def _says_of_what(self) -> FatesConfiguration:
        if self.told_at is None and not (self.of and self.key):
            raise ValueError(
                "name the rows `of` which fates are told and their `key`, or the stage where it is `told_at`"
            )
        return self

    def measure(self, stage: StageDeclaration) -> Fates:
        """Return what must be known."""
        here = Selection(stage=stage.name, key=self.key, where=self.where)
        return Fates(self.of, here, self.others, self.rule, self.once, self.show)


class FatesCheck:
    """Rows that came against what became of them: none lost, none twice, none of nothing, each for the right reason."""

    kind = "fates"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Every stage with rows whose contract promises it."""
        promised = stage.contract.promises.get(self.kind)
        return stage.holds_rows and isinstance(promised, Mapping) and "told_at" not in promised

    def configure(self, stage: StageDeclaration) -> FatesConfiguration:
        """Return what is promised; raises ``pydantic.ValidationError`` when it is malformed."""
        return promise_of(stage, self.kind, FatesConfiguration)

    def measures(self, stage: StageDeclaration, configuration: FatesConfiguration) -> frozenset[Measure]:
        """Return what became of the rows."""
        return frozenset({configuration.measure(stage)})

    def judge(self, configuration: FatesConfiguration, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding a row that has no fate, several, or the wrong one.

        Rows of the cut that are not covered yet prove nothing, and leave the check undecided.
        """
        found: FateDifference = evidence[configuration.measure(evidence.stage)]
        decided = evidence.coverage.covers_cut is True and not found.open
        findings = tuple(_findings(evidence, found, decided))
        total = (found.missing_total if decided else 0) + found.repeated_total + found.misjudged_total
        total += found.unexpected_total
        aside = "".join(f" + {number:,} {reason}" for reason, number in found.aside.items())
        message = f"{counted(found.rows, 'row')} = {found.kept:,} kept{aside}"
        for word, number in (
            ("without a fate", found.missing_total if decided else 0),
            ("with several", found.repeated_total),
            ("of no row", found.unexpected_total),
            ("for another reason than they must", found.misjudged_total),
        ):
            message += f", {number:,} {word}" if number else ""
        doubts = []
        if found.unknown:
            doubts.append(f"nothing can be said of {counted(found.unknown, 'row')}, whose origin has expired")
        judgement = conclude(
            evidence,
            message,
            {"rows": found.rows},
            findings=findings,
            total=max(total, len(findings)),
            doubts=doubts,
            measures=_measures(found),
        )
        if judgement.verdict is not Verdict.FAIL and not decided:
            reason = evidence.coverage.reason or f"{counted(found.open, 'row')} of the cut are not covered yet"
            return Judgement(
                Verdict.UNSETTLED, f"{message}; not decided: {reason}", judgement.looked_at, judgement.measures
            )
        return judgement


def _measures(found: FateDifference) -> dict[str, Any]:
    return {
        "rows": found.rows,
        "kept": found.kept,
        "aside": dict(found.aside),
        "missing": found.missing_total,
        "repeated": found.repeated_total,
        "unexpected": found.unexpected_total,
        "misjudged": found.misjudged_total,
        "later": found.later,
        "unknown": found.unknown,
    }


def _findings(evidence: Evidence, found: FateDifference, decided: bool) -> Iterator[Finding]:
    if decided:
        for fate in found.missing:
            yield _finding(evidence, "missing", fate, "was neither kept nor put aside", 1, len(fate.stands))
    for fate in found.repeated:
        yield _finding(evidence, "duplicate", fate, f"stands in {' and in '.join(fate.stands)}", 1, list(fate.stands))
    for fate in found.unexpected:
        yield _finding(evidence, "unexpected", fate, f"of no row that came, stands in {', '.join(fate.stands)}", 0, 1)
    for fate in found.misjudged:
        yield _finding(
            evidence, "changed", fate, f"{_judged(fate.seen)}, and had to be {_judged(fate.due)}", fate.due, fate.seen
        )


def _judged(reason: str | None) -> str:
    return "kept" if reason is None else f"put aside as {reason}"


def _finding(evidence: Evidence, kind: FindingKind, fate: Fate, said: str, expected: Any, seen: Any) -> Finding:
    shown: Mapping[str, Any] = {name: as_json(value) for name, value in fate.shown.items() if value is not None}
    beside = f" ({named_key(shown)})" if shown else ""
    return Finding(
        kind,
        evidence.stage.name,
        f"{named_key(fate.key)}{beside} {said}",
        key=dict(fate.key),
        position=evidence.position,
        detail="fate",
        expected=expected,
        seen=seen,
        extra={"row": dict(shown)} if shown else {},
    )


CHECK = FatesCheck()
