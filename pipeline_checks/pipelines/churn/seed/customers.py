"""Customers made up by rule, with the shares of a well-known public set of a telephone company and none of its rows.

Shares of tenure, contract, internet and payment are kept to the row, the others drawn. Contracts grow with tenure,
internet and payment depend on the contract, charges follow from the services, and whether a customer leaves is drawn
from a logistic rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pipeline_checks.pipelines.churn.flow.names import NO_PHONE, NO_SERVICE
from pipeline_checks.pipelines.churn.seed.leaving import leaves

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]

Customer = dict[str, Any]

TENURES: Final = (((0, 0), 11), ((1, 12), 2175), ((13, 24), 1024), ((25, 48), 1594), ((49, 72), 2239))
"""First and last month, and how many of 7,043 customers."""
CONTRACTS: Final = {"Month-to-month": 3875, "One year": 1473, "Two year": 1695}
INTERNET: Final = {"No": 1526, "DSL": 2421, "Fiber optic": 3096}
PAYMENTS: Final = {
    "Electronic check": 2365,
    "Mailed check": 1612,
    "Bank transfer (automatic)": 1544,
    "Credit card (automatic)": 1522,
}
_NO_PHONE_OF_DSL: Final = 682 / 2421
_LINES: Final = (0.22, 0.42, 0.60)
_SENIOR: Final = (0.035, 0.11, 0.265)
_PAPERLESS: Final = (0.29, 0.56, 0.77)
"""Probabilities without internet, with DSL, with fiber."""
_SERVICES: Final[Mapping[str, tuple[float, float, float, float]]] = {
    "OnlineSecurity": (0, 0.49, 0.27, 5),
    "OnlineBackup": (0, 0.45, 0.43, 5),
    "DeviceProtection": (0, 0.44, 0.44, 5),
    "TechSupport": (0, 0.49, 0.28, 5),
    "StreamingTV": (0, 0.40, 0.56, 10),
    "StreamingMovies": (0, 0.40, 0.56, 10),
}
"""The same, and the price a month."""
_CONNECTION: Final = (0.0, 25.0, 50.0)
_PHONE, _MORE_LINES, _LOWEST, _HIGHEST = 20.0, 5.0, 18.25, 118.75
_LETTERS: Final = 26**5
_STEP, _SHIFT = 7_368_787, 3_141_592
"""A walk over all groups of five letters that meets each once: the step shares no factor with their number."""


def customers(rows: int, seed: int, first: int = 0) -> list[Customer]:
    """Return customers with the fields of the CSV; equal seeds give equal ones.

    Parameters
    ----------
    first:
        The number of the first customer, on which only the ids depend: other numbers give other ids.
    """
    import numpy as np

    random = np.random.default_rng(seed)
    bucket = _ranked(random.random(rows), _quotas([n for _, n in TENURES], rows))
    low, high = (np.array([span[end] for span, _ in TENURES])[bucket] for end in (0, 1))
    tenure = low + np.floor(random.random(rows) * (high - low + 1)).astype(np.int64)
    contract = _ranked(tenure / 72 + random.normal(0, 0.45, rows), _quotas(list(CONTRACTS.values()), rows))
    internet = _ranked(-0.35 * contract + random.normal(0, 1, rows), _quotas(list(INTERNET.values()), rows))
    payment = _payments(contract, internet, tenure, random)
    senior = random.random(rows) < np.array(_SENIOR)[internet]
    paperless = random.random(rows) < np.array(_PAPERLESS)[internet]
    partner = random.random(rows) < 0.285 + 0.45 * tenure / 72
    dependents = random.random(rows) < np.where(partner, 0.5, 0.115)
    male = random.random(rows) < 3555 / 7043
    phone = (internet != 1) | (random.random(rows) >= _NO_PHONE_OF_DSL)
    lines = phone & (random.random(rows) < np.array(_LINES)[internet])
    services = {name: random.random(rows) < np.array(chances[:3])[internet] for name, chances in _SERVICES.items()}
    monthly = np.array(_CONNECTION)[internet] + _PHONE * phone + _MORE_LINES * lines + random.uniform(-1, 1, rows)
    monthly += sum(services[name] * price for name, (*_, price) in _SERVICES.items())
    monthly = np.clip(np.round(monthly * 20) / 20, _LOWEST, _HIGHEST)
    total = np.round(monthly * tenure * random.uniform(0.97, 1.03, rows), 2)
    left = leaves(
        tenure=tenure,
        contract=contract,
        internet=internet,
        payment=payment,
        marks={
            "senior": senior,
            "paperless": paperless,
            "security": services["OnlineSecurity"],
            "support": services["TechSupport"],
        },
        random=random,
    )
    without = [code == 0 for code in internet]
    columns: dict[str, Sequence[Any]] = {
        "customerID": [customer_id(first + number) for number in range(rows)],
        "gender": _words(male, "Male", "Female"),
        "SeniorCitizen": senior.astype(np.int64).tolist(),
        "Partner": _words(partner),
        "Dependents": _words(dependents),
        "tenure": tenure.tolist(),
        "PhoneService": _words(phone),
        "MultipleLines": [w if p else NO_PHONE for w, p in zip(_words(lines), phone, strict=True)],
        "InternetService": _named(internet, INTERNET),
        **{
            name: [NO_SERVICE if none else w for w, none in zip(_words(taken), without, strict=True)]
            for name, taken in services.items()
        },
        "Contract": _named(contract, CONTRACTS),
        "PaperlessBilling": _words(paperless),
        "PaymentMethod": _named(payment, PAYMENTS),
        "MonthlyCharges": monthly.round(2).tolist(),
        "TotalCharges": [f"{t:.2f}" if months else " " for t, months in zip(total, tenure, strict=True)],
        "Churn": _words(left),
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def customer_id(number: int) -> str:
    """Return the id of the customer of that number; the first 118 thousand million numbers have different ones.

    >>> customer_id(0), customer_id(1) != customer_id(10_001)
    ('0000-GWTIM', True)
    """
    group, digits = divmod(number, 10_000)
    code, letters = (group * _STEP + digits * 1_046_527 + _SHIFT) % _LETTERS, ""
    for _ in range(5):
        code, letter = divmod(code, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{digits:04d}-{letters}"


def _payments(contract: Numbers, internet: Numbers, tenure: Numbers, random: np.random.Generator) -> Numbers:
    """Electronic checks go with fiber and short contracts, mailed ones with few months and no internet."""
    import numpy as np

    rows = len(contract)
    check, mailed, bank, card = _quotas(list(PAYMENTS.values()), rows)
    wish = 0.8 * (internet == 2) + 0.5 * (contract == 0) + random.normal(0, 1, rows)
    chosen = _ranked(-wish, [check, rows - check])
    others = np.flatnonzero(chosen == 1)
    by_mail = tenure[others] / 72 - (internet[others] == 0) + random.normal(0, 0.7, len(others))
    split = _ranked(by_mail, [mailed, bank + card])
    chosen[others[split == 0]] = 1
    rest = others[split == 1]
    chosen[rest] = 2 + _ranked(random.random(len(rest)), [bank, card])
    return chosen


def _quotas(shares: Sequence[int], rows: int) -> list[int]:
    """Divide the rows by shares, the largest remainders rounded up.

    >>> _quotas([11, 2175, 4857], 7043), _quotas([1, 1, 1], 5)
    ([11, 2175, 4857], [2, 2, 1])
    """
    exact = [share * rows / sum(shares) for share in shares]
    whole = [int(e) for e in exact]
    for place in sorted(range(len(shares)), key=lambda p: whole[p] - exact[p])[: rows - sum(whole)]:
        whole[place] += 1
    return whole


def _ranked(score: NDArray[np.float64], counts: Sequence[int]) -> Numbers:
    """Give the lowest scores the code 0, the next ones 1, and so on, so many as each count says."""
    import numpy as np

    codes = np.empty(len(score), dtype=np.int64)
    codes[np.argsort(score, kind="stable")] = np.repeat(np.arange(len(counts)), counts)
    return codes


def _words(chosen: Any, yes: str = "Yes", no: str = "No") -> list[str]:
    return [yes if one else no for one in chosen]


def _named(codes: Numbers, names: Mapping[str, int]) -> list[str]:
    known = list(names)
    return [known[code] for code in codes]
