"""How far counts in bins are from the shares that a reference has in the same bins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate

_LEAST_SHARE = 1e-4
"""What an empty bin counts as: its logarithm and its quotient would be infinite."""
_TERMS = 10_000
_EXACT = 1e-14


def population_stability(counts: Sequence[int], shares: Sequence[float]) -> float:
    """Return the population stability index: 0 for the same shares; above 0.25 is commonly taken as a shift.

    >>> round(population_stability([50, 50], [0.5, 0.5]), 3), round(population_stability([90, 10], [0.5, 0.5]), 3)
    (0.0, 0.879)
    """
    total = sum(counts)
    if not total:
        return 0.0
    seen = [max(count / total, _LEAST_SHARE) for count in counts]
    expected = [max(share, _LEAST_SHARE) for share in shares]
    return math.fsum((a - b) * math.log(a / b) for a, b in zip(seen, expected, strict=True))


def kolmogorov_smirnov(counts: Sequence[int], shares: Sequence[float]) -> float:
    """Return the greatest distance of the two distributions at the edges of the bins, from 0 to 1.

    >>> kolmogorov_smirnov([0, 0, 10], [0.25, 0.25, 0.5])
    0.5
    """
    total = sum(counts)
    if not total:
        return 0.0
    seen = (count / total for count in accumulate(counts))
    return max(abs(a - b) for a, b in zip(seen, accumulate(shares), strict=True))


def chi_square(counts: Sequence[int], shares: Sequence[float]) -> tuple[float, float]:
    """Return Pearson's statistic, and how probable one as great is when the values follow the reference.

    >>> [round(x, 4) for x in chi_square([44, 56], [0.5, 0.5])]
    [1.44, 0.2301]
    """
    total = sum(counts)
    if not total or len(counts) < 2:
        return 0.0, 1.0
    expected = [max(share, _LEAST_SHARE) * total for share in shares]
    statistic = math.fsum((seen - wanted) ** 2 / wanted for seen, wanted in zip(counts, expected, strict=True))
    return statistic, _upper_gamma((len(counts) - 1) / 2, statistic / 2)


def _upper_gamma(a: float, x: float) -> float:
    """The regularized upper incomplete gamma function, by series below and by continued fraction above its bend.

    Source: Numerical Recipes, 3rd edition, section 6.2.
    """
    if x <= 0:
        return 1.0
    scale = math.exp(-x + a * math.log(x) - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        for n in range(1, _TERMS):
            term *= x / (a + n)
            total += term
            if term < total * _EXACT:
                break
        return max(0.0, 1 - total * scale)
    tiny = 1e-300
    b = x + 1 - a
    c, d = 1 / tiny, 1 / b
    fraction = d
    for n in range(1, _TERMS):
        step = -n * (n - a)
        b += 2
        d = step * d + b
        c = b + step / c
        d, c = 1 / (d if abs(d) > tiny else tiny), c if abs(c) > tiny else tiny
        fraction *= d * c
        if abs(d * c - 1) < _EXACT:
            break
    return min(1.0, scale * fraction)
