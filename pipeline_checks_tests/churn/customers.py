"""Customers as the tests send them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline_checks.pipelines.churn.seed import dataset
from pipeline_checks.pipelines.churn.seed.customers import customers

EVENT_TS = "2026-01-02T03:04:05.678901Z"
Customer = dict[str, Any]


def fifty() -> list[Customer]:
    """Return fifty customers with the values of a fixed pattern, each of them valid."""
    made = []
    for i in range(50):
        monthly = 50 + 1.5 * i
        tenure = i % 72 + 1
        made.append(
            {
                "customerID": f"{i:04d}-TESTX",
                "gender": "Male" if i % 2 == 0 else "Female",
                "SeniorCitizen": int(i < 10),
                "Partner": _yes(i % 3),
                "Dependents": _yes(i % 4),
                "tenure": tenure,
                "PhoneService": "Yes",
                "MultipleLines": _yes(i % 2),
                "InternetService": "Fiber optic" if i % 3 == 0 else "DSL",
                "OnlineSecurity": _yes(i % 5),
                "OnlineBackup": _yes(i % 6),
                "DeviceProtection": _yes(i % 7),
                "TechSupport": _yes(i % 8),
                "StreamingTV": _yes(i % 3),
                "StreamingMovies": _yes(i % 4),
                "Contract": "Month-to-month" if i < 30 else "One year",
                "PaperlessBilling": _yes(i % 2),
                "PaymentMethod": "Electronic check",
                "MonthlyCharges": monthly,
                "TotalCharges": str(round(monthly * tenure, 2)),
            }
        )
    return made


def _yes(remainder: int) -> str:
    return "Yes" if remainder == 0 else "No"


def message(customer: Customer, **changes: Any) -> Customer:
    """Return a customer as a message, with some fields changed."""
    return {**customer, "event_ts": EVENT_TS, **changes}


def valid(number: int, **changes: Any) -> Customer:
    """Return a valid message of that number, with some fields changed."""
    return message(fifty()[number % 50], **{"customerID": f"{number:04d}-VALID", **changes})


def csv_of(folder: Path, rows: int, seed: int = 42) -> Path:
    """Write a CSV of made-up customers."""
    path = folder / "customers.csv"
    dataset.write(path, customers(rows, seed))
    return path


def csv_with(folder: Path, made: list[Customer]) -> Path:
    """Write a CSV of these customers; those whose churn is unknown have none."""
    path = folder / "customers.csv"
    dataset.write(path, [{**c, "Churn": c.get("Churn", "No")} for c in made])
    return path
