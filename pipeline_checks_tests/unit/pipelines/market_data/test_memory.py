"""When memory looks as if it leaked."""

from __future__ import annotations

from random import Random

import pytest

from pipeline_checks.pipelines.market_data.flow.receiving.memory import MemoryWatch, leak_score


def test_a_steep_line_is_a_leak_and_a_flat_or_short_one_is_not() -> None:
    steep = [(30.0 * i, 100 + 60 * i / 120) for i in range(120)]
    assert leak_score(steep) == pytest.approx(1.0)
    assert leak_score([(x, 100 + (y - 100) / 2.4) for x, y in steep]) == pytest.approx(0.5)
    assert leak_score([(x, 100.0) for x, _ in steep]) == 0
    assert leak_score([(x, -y) for x, y in steep]) == 0
    assert leak_score(steep[:9]) == 0


def test_noise_lowers_the_score() -> None:
    random = Random(1)
    noisy = [(30.0 * i, 100 + 60 * i / 120 + random.gauss(0, 60)) for i in range(120)]
    assert leak_score(noisy) < 0.5


def test_the_process_is_sampled() -> None:
    used, score = MemoryWatch().sample(0.0)
    assert used > 2**20 and score == 0
