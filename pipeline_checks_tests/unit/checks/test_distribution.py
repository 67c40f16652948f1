"""distribution: values spread as in the reference pass; each statistic beyond its limit is a finding."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pipeline_checks.checks.drift_statistics import chi_square, kolmogorov_smirnov, population_stability
from pipeline_checks.checks.registry import check
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.row_promises import BinCounts, BinnedValues
from pipeline_checks.model.verdict import Verdict
from pipeline_checks_tests.unit.checks.cases import ORDERS, connector, judge, table

EDGES = {"edges": [10, 20], "shares": [25, 50, 25]}
AMOUNT, STATUS = BinCounts("amount", (10.0, 20.0)), BinCounts("status", categories=("new", "paid"))
AS_BEFORE, SHIFTED = BinnedValues((250, 500, 250)), BinnedValues((20, 80, 900), 3)


def stage(**columns: Any) -> Any:
    return table(contract={**ORDERS, "distribution": columns})


def amount(found: BinnedValues, **limits: Any) -> Any:
    return judge("distribution", stage(amount={"reference": EDGES, **limits}), {AMOUNT: found})


def test_it_applies_where_a_distribution_is_promised() -> None:
    found = check("distribution")
    assert [found.applies_to(s) for s in (stage(amount={"reference": EDGES}), table(), connector())] == [
        True,
        False,
        False,
    ]


def test_values_spread_as_the_reference_pass() -> None:
    judgement = amount(AS_BEFORE, ks=0.1, chi_square=0.01)
    assert judgement.verdict is Verdict.PASS
    assert judgement.looked_at == {"values": 1000}
    assert judgement.measures["columns"]["amount"] == {
        "values": 1000, "without": 0, "psi": 0.0, "chi_square": 1.0, "ks": 0.0,
    }  # fmt: skip


def test_each_statistic_beyond_its_limit_is_a_finding() -> None:
    judgement = amount(SHIFTED, ks=0.1, chi_square=0.01)
    assert judgement.verdict is Verdict.FAIL
    assert [f.extra["statistic"] for f in judgement.findings] == ["psi", "ks", "chi_square"]
    finding = judgement.findings[1]
    assert (finding.kind, finding.detail) == ("out_of_range", "amount")
    assert (finding.expected, finding.seen) == ({"ks": 0.1}, {"ks": 0.65})
    assert finding.extra["seen_shares"] == [0.02, 0.08, 0.9]


def test_only_the_statistics_with_a_limit_are_judged() -> None:
    assert [f.extra["statistic"] for f in amount(SHIFTED).findings] == ["psi"]
    assert amount(SHIFTED, psi=None).verdict is Verdict.PASS


def test_categories_and_quantiles_are_references_too() -> None:
    reference = {"categories": {"new": 0.2, "paid": 0.7}, "other": 0.1}
    declared = stage(status={"reference": reference})
    assert judge("distribution", declared, {STATUS: BinnedValues((200, 700, 100))}).verdict is Verdict.PASS
    assert judge("distribution", declared, {STATUS: BinnedValues((700, 200, 100))}).verdict is Verdict.FAIL
    quantiles = stage(amount={"reference": {"quantiles": {0.25: 10, 0.75: 20}}, "ks": 0.1})
    assert judge("distribution", quantiles, {AMOUNT: AS_BEFORE}).verdict is Verdict.PASS
    assert judge("distribution", quantiles, {AMOUNT: SHIFTED}).verdict is Verdict.FAIL


def test_too_few_values_to_tell_leave_a_doubt_and_none_prove_nothing() -> None:
    assert amount(BinnedValues((0, 0, 99))).verdict is Verdict.WARN
    assert amount(BinnedValues((0, 0, 99)), least=50).verdict is Verdict.FAIL
    assert amount(BinnedValues((0, 0, 0), 40)).verdict is Verdict.UNSETTLED


@pytest.mark.parametrize(
    "column",
    [
        {},
        {"reference": {}},
        {"reference": {"edges": [1, 2], "shares": [1, 2]}},
        {"reference": {"edges": [2, 1], "shares": [1, 1, 1]}},
        {"reference": {"edges": [1], "shares": [0, 0]}},
        {"reference": {**EDGES, "categories": {"a": 1}}},
        {"reference": {"quantiles": {0.5: 3, 0.9: 2}}},
        {"reference": {"quantiles": {1.5: 3}}},
        {"reference": {"categories": {"a": 1}}, "ks": 0.1},
        {"reference": EDGES, "psi": -1},
        {"reference": EDGES, "least": 0},
    ],
)
def test_what_is_no_reference_or_limit_is_refused(column: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        check("distribution").configure(stage(amount=column))


def test_a_column_that_the_contract_does_not_have_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="'amounts', which is not among the columns"):
        check("distribution").configure(stage(amounts={"reference": EDGES}))


@pytest.mark.parametrize(
    ("statistic", "degrees", "probability"),
    [(3.8415, 1, 0.05), (18.307, 10, 0.05), (0.2, 2, 0.9048), (124.342, 100, 0.05), (55.476, 27, 0.001)],
)
def test_the_probability_of_pearsons_statistic_is_that_of_the_tables(
    statistic: float, degrees: int, probability: float
) -> None:
    # Counts whose statistic it is: one bin of equal shares moved against all others.
    bins, total = degrees + 1, 1_000_000_000
    moved = (statistic * total / bins / (1 + 1 / degrees)) ** 0.5
    counts = [round(total / bins + moved), *[round(total / bins - moved / degrees)] * degrees]
    found, p = chi_square(counts, [1 / bins] * bins)
    assert found == pytest.approx(statistic, rel=1e-3)
    assert p == pytest.approx(probability, rel=0.01)


def test_no_values_are_no_distance() -> None:
    assert population_stability([0, 0], [0.5, 0.5]) == kolmogorov_smirnov([0, 0], [0.5, 0.5]) == 0.0
    assert chi_square([0, 0], [0.5, 0.5]) == (0.0, 1.0)
