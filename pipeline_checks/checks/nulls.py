"""nulls: columns that are promised to have no NULL have none."""

from __future__ import annotations

from collections import Counter

from pipeline_checks.checks.applicability import is_topic
from pipeline_checks.checks.judging import NothingToConfigure, promise_of
from pipeline_checks.checks.rules import Rule, judge_rules, rule_measures
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.measure import Facts, IsNull, Measure
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement

UNTOLD = (Facts("unavailable"), Facts("unconvertible"))
"""Number of values by column that an event does not carry (Debezium's unchanged TOAST values), or not in the promised
type; both read as NULL."""


class NullsCheck:
    """No NULL in the contract's columns with ``nullable: false``."""

    kind = "nulls"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Every stage with rows whose contract has such a column."""
        return stage.holds_rows and bool(_rules(stage))

    def configure(self, stage: StageDeclaration) -> NothingToConfigure:
        """Return the empty configuration: the promises stand at the columns."""
        return promise_of(stage, self.kind, NothingToConfigure)

    def measures(self, stage: StageDeclaration, configuration: NothingToConfigure) -> frozenset[Measure]:
        """Return the rows with NULL, by column; of topics the values too that read as NULL and are none."""
        return rule_measures(stage, _rules(stage)) | (frozenset(UNTOLD) if is_topic(stage) else frozenset())

    def judge(self, configuration: NothingToConfigure, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding a NULL."""
        untold = Counter[str]()
        for facts in UNTOLD if is_topic(evidence.stage) else ():
            untold.update(evidence[facts])
        return judge_rules(_rules(evidence.stage), evidence, "no NULL where none may be", untold)


def _rules(stage: StageDeclaration) -> tuple[Rule, ...]:
    return tuple(
        Rule(name, "not_null", True, IsNull(name), "null", "is NULL")
        for name, column in stage.contract.columns.items()
        if not column.nullable
    )


CHECK = NullsCheck()
