"""values: the values of a column lie in their range, are accepted ones, match their pattern."""

from __future__ import annotations

from pydantic import ConfigDict

from pipeline_checks.checks.judging import promise_of
from pipeline_checks.checks.rules import Rule, judge_rules, rule_measures
from pipeline_checks.checks.value_rules import column_rules
from pipeline_checks.model.check import CheckConfiguration, Evidence
from pipeline_checks.model.measure import Measure
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement


class ValuesConfiguration(CheckConfiguration):
    """The rules of all columns; they are written at the columns, nothing stands under ``values:`` itself."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    rules: tuple[Rule, ...] = ()


class _NothingWritten(CheckConfiguration):
    """What may stand under ``values:``."""


class ValuesCheck:
    """Ranges, accepted values and patterns, as the contract promises them of its columns."""

    kind = "values"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Every stage with rows whose contract promises something of a column's values."""
        return stage.holds_rows and any(column.promises for column in stage.contract.columns.values())

    def configure(self, stage: StageDeclaration) -> ValuesConfiguration:
        """Return the rules; raises ConfigurationError naming column and known words for what cannot be."""
        promise_of(stage, self.kind, _NothingWritten)
        columns = stage.contract.columns.items()
        return ValuesConfiguration(rules=tuple(r for name, column in columns for r in column_rules(name, column)))

    def measures(self, stage: StageDeclaration, configuration: ValuesConfiguration) -> frozenset[Measure]:
        """Return the rows that break a rule, by rule."""
        return rule_measures(stage, configuration.rules)

    def judge(self, configuration: ValuesConfiguration, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding a value that breaks a rule."""
        return judge_rules(configuration.rules, evidence, "all values as promised")


CHECK = ValuesCheck()
