"""Rules about the values of columns: predicates that no row may fulfil, folded into one check with a table of rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline_checks.checks.judging import as_json, conclude, counted, inexact, json_key, named_key
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.finding import Finding, FindingKind
from pipeline_checks.model.measure import Measure, Predicate, RowCount, Violations, ViolationSample
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement


@dataclass(frozen=True)
class Rule:
    """One promise about one column.

    Parameters
    ----------
    word:
        The word the promise is written with: ``not_null``, ``min``, ``max``, ``accepted``, ``matches``.
    limit:
        What it is written with, as a JSON value.
    predicate:
        What a row breaks it with.
    finding:
        The kind of finding that such a row is.
    broken:
        The rule's breach as words behind the value, such as ``is below 0``.
    """

    column: str
    word: str
    limit: Any
    predicate: Predicate
    finding: FindingKind
    broken: str


def rule_measures(stage: StageDeclaration, rules: Iterable[Rule]) -> frozenset[Measure]:
    """Return the violations of each rule, and the rows among which they were looked for."""
    wanted: set[Measure] = {Violations(rule.predicate, stage.contract.key) for rule in rules}
    return frozenset(wanted | {RowCount()})


def judge_rules(
    rules: Sequence[Rule], evidence: Evidence, promise: str, untold: Mapping[str, int] | None = None
) -> Judgement:
    """Return FAIL with a finding a row of the samples.

    Parameters
    ----------
    promise:
        What holds where nothing is found.
    untold:
        Column to number of values that the stage could not tell and that break the rule only for that; which of the
        rows these are is not known.
    """
    untold = untold or {}
    rows = evidence[RowCount()] or 0
    columns = len({rule.column for rule in rules})
    table: list[dict[str, Any]] = []
    findings: list[Finding] = []
    measures = [Violations(rule.predicate, evidence.stage.contract.key) for rule in rules]
    for rule, measure in zip(rules, measures, strict=True):
        sample: ViolationSample = evidence[measure]
        if untold.get(rule.column):
            sample = ViolationSample(max(0, sample.count - untold[rule.column]))
        table.append({"column": rule.column, "rule": rule.word, "limit": rule.limit, "violations": sample.count})
        findings += _findings(rule, sample, evidence)
    total = sum(int(entry["violations"]) for entry in table)
    broken = [e for e in table if e["violations"]]
    message = f"{promise}: {counted(columns, 'column')} of {counted(rows, 'row')}"
    if broken:
        message = ", ".join(f"{e['column']} {e['rule']}: {counted(e['violations'], 'row')}" for e in broken)
    return conclude(
        evidence,
        message,
        {"rows": rows, "columns": columns if rows else 0},  # of no row, no column was looked at
        findings=findings,
        total=total,
        doubts=(
            *inexact(evidence, measures, "the number of violations"),
            *(
                f"{counted(untold[name], 'value')} of {name} could not be told"
                for name in dict.fromkeys(rule.column for rule in rules)
                if untold.get(name)
            ),
        ),
        measures={"violations": total, "rules": table},
    )


def _findings(rule: Rule, sample: ViolationSample, evidence: Evidence) -> Iterable[Finding]:
    name = evidence.stage.name
    for key, value in sample.rows:
        shown = as_json(value)
        yield Finding(
            rule.finding,
            name,
            f"{named_key(key) or 'a row'}: {rule.column} {'' if value is None else f'{shown!r} '}{rule.broken}",
            key=json_key(key) if key else None,
            position=evidence.position,
            detail=rule.column,
            expected={rule.word: rule.limit},
            seen=shown,
        )
    if sample.count and not sample.rows:
        message = f"{counted(sample.count, 'row')} of {name}: {rule.column} {rule.broken}"
        yield Finding(
            rule.finding, name, message, position=evidence.position, detail=rule.column,
            expected={rule.word: rule.limit},
        )  # fmt: skip
