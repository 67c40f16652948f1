"""The customers that are made up have the shares that they must have, and every value follows from the seed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline_checks.pipelines.churn.flow.dataset import read_customers
from pipeline_checks.pipelines.churn.flow.validation import customer_validator
from pipeline_checks.pipelines.churn.seed import dataset
from pipeline_checks.pipelines.churn.seed.customers import customers

ROWS = 7043


@pytest.fixture(scope="module")
def made() -> list[dict[str, Any]]:
    return customers(ROWS, 42)


def share(made: list[dict[str, Any]], **values: Any) -> float:
    found = [c for c in made if all(c[name] == value for name, value in values.items())]
    return sum(c["Churn"] == "Yes" for c in found) / len(found)


def test_shares_that_are_kept_to_the_row(made: list[dict[str, Any]]) -> None:
    counts = {name: Counter(c[name] for c in made) for name in ("Contract", "InternetService", "PaymentMethod")}
    assert counts["Contract"] == {"Month-to-month": 3875, "One year": 1473, "Two year": 1695}
    assert counts["InternetService"] == {"Fiber optic": 3096, "DSL": 2421, "No": 1526}
    assert sorted(counts["PaymentMethod"].values()) == [1522, 1544, 1612, 2365]
    spans = Counter(next(b for b in (0, 12, 24, 48, 72) if c["tenure"] <= b) for c in made)
    assert spans == {0: 11, 12: 2175, 24: 1024, 48: 1594, 72: 2239}
    assert sum(c["TotalCharges"] == " " for c in made) == 11


@pytest.mark.parametrize(
    ("field", "value", "number"),
    [
        ("SeniorCitizen", 1, 1142),
        ("PaperlessBilling", "Yes", 4171),
        ("Partner", "Yes", 3402),
        ("OnlineSecurity", "Yes", 2019),
        ("TechSupport", "Yes", 2044),
        ("PhoneService", "No", 682),
        ("Dependents", "Yes", 2110),
        ("gender", "Male", 3555),
        ("Churn", "Yes", 1869),
    ],
)
def test_shares_that_are_drawn(made: list[dict[str, Any]], field: str, value: Any, number: int) -> None:
    assert abs(sum(c[field] == value for c in made) - number) <= 0.03 * ROWS


@pytest.mark.parametrize(
    ("field", "value", "leaving"),
    [
        ("Contract", "Month-to-month", 0.427),
        ("Contract", "One year", 0.113),
        ("Contract", "Two year", 0.028),
        ("InternetService", "Fiber optic", 0.419),
        ("InternetService", "DSL", 0.190),
        ("InternetService", "No", 0.074),
        ("PaymentMethod", "Electronic check", 0.453),
        ("SeniorCitizen", 1, 0.417),
        ("PaperlessBilling", "Yes", 0.336),
        ("OnlineSecurity", "Yes", 0.146),
        ("TechSupport", "Yes", 0.152),
    ],
)
def test_each_group_leaves_as_often_as_its_like(
    made: list[dict[str, Any]], field: str, value: Any, leaving: float
) -> None:
    assert abs(share(made, **{field: value}) - leaving) <= 0.05


def test_charges_follow_from_services(made: list[dict[str, Any]]) -> None:
    charges = sorted(c["MonthlyCharges"] for c in made)
    for quartile, expected in ((1, 35.5), (2, 70.35), (3, 89.85)):
        assert abs(charges[ROWS * quartile // 4] - expected) <= 6
    assert charges[0] >= 18.25 and charges[-1] <= 118.75
    for internet, expected in (("No", 21.1), ("DSL", 58.1), ("Fiber optic", 91.5)):
        found = [c["MonthlyCharges"] for c in made if c["InternetService"] == internet]
        assert abs(sum(found) / len(found) - expected) <= 2
    billed = [c for c in made if c["tenure"]]
    assert all(abs(float(c["TotalCharges"]) / (c["MonthlyCharges"] * c["tenure"]) - 1) <= 0.0305 for c in billed)


def test_all_are_valid_different_and_survive_the_file(made: list[dict[str, Any]], tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    dataset.write(path, made)
    assert [c for _, c in read_customers(path)] == made
    assert len({c["customerID"] for c in made}) == ROWS == dataset.count(path)
    more = customers(50, 43, first=ROWS)
    assert not {c["customerID"] for c in more} & {c["customerID"] for c in made}
    dataset.append(path, more)
    assert [c for _, c in read_customers(path, ROWS)] == more
    judge = customer_validator()
    wrong = [e for c in made for e in judge.validate({**c, "event_ts": "2026-01-01T00:00:00Z"})[1]]
    assert wrong == []


def test_equal_seeds_give_equal_customers() -> None:
    assert customers(40, 5) == customers(40, 5) != customers(40, 6)
    assert customers(0, 5) == []
