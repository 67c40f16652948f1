"""duplicates: no key stands in more than one row; no event stands in a topic twice."""

from __future__ import annotations

from pipeline_checks.checks.applicability import is_topic
from pipeline_checks.checks.duplicate_findings import duplicate_findings, duplicate_measures
from pipeline_checks.checks.judging import NothingToConfigure, conclude, counted, inexact, promise_of
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.links import is_linked
from pipeline_checks.model.measure import DuplicateKeys, DuplicateSample, Measure, RowCount
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement


class DuplicatesCheck:
    """Uniqueness of the contract's key, with the class of each duplicate."""

    kind = "duplicates"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Every stage whose rows have a key; of records that were made of others ``conservation`` tells."""
        return stage.holds_rows and bool(stage.contract.key) and not is_linked(stage)

    def configure(self, stage: StageDeclaration) -> NothingToConfigure:
        """Return the empty configuration: the key is the whole promise."""
        return promise_of(stage, self.kind, NothingToConfigure)

    def measures(self, stage: StageDeclaration, configuration: NothingToConfigure) -> frozenset[Measure]:
        """Return the rows and the duplicate keys among them, of an API those of its table too."""
        return duplicate_measures(stage) | {RowCount()}

    def judge(self, configuration: NothingToConfigure, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding a duplicate key."""
        stage = evidence.stage
        measure = DuplicateKeys(stage.contract.key)
        found: DuplicateSample = evidence[measure]
        rows = evidence[RowCount()] or 0
        noun = "record" if is_topic(stage) else "row"
        message = f"no key is doubled among {counted(rows, noun)}"
        if found.keys:
            surplus = counted(found.surplus_rows, noun)
            message = f"{counted(found.keys, 'key')} with more than one {noun}, {surplus} too many"
        if again := [f"{number:,} {name.replace('_', ' ')}" for name, number in found.explained.items() if number]:
            message += f" ({', '.join(again)})"
        return conclude(
            evidence,
            message,
            {"rows": rows},
            findings=duplicate_findings(evidence),
            total=found.keys,
            doubts=inexact(evidence, (measure,), "the number of duplicates"),
            measures={"duplicate_keys": found.keys, "surplus_rows": found.surplus_rows, **found.explained},
        )


CHECK = DuplicatesCheck()
