"""How long to wait, and where to."""

from __future__ import annotations

from random import Random

from pipeline_checks.pipelines.market_data.flow.receiving.backoff import LONGEST, Backoff


def test_each_wait_is_a_part_of_twice_the_one_before_up_to_a_minute() -> None:
    backoff = Backoff(["a"], 5.0, 10, Random(1))
    waits = [backoff.failed(elsewhere=True) for _ in range(8)]
    for wait, longest in zip(waits, (5, 10, 20, 40, 60, 60, 60, 60), strict=True):
        assert longest / 2 <= wait <= longest
    assert max(waits) <= LONGEST and len(set(waits)) == 8


def test_urls_are_tried_in_their_order_and_attempts_run_out() -> None:
    backoff = Backoff(["a", "b", "c"], 1.0, 3)
    tried = [backoff.url]
    for _ in range(3):
        assert not backoff.used_up
        backoff.failed(elsewhere=True)
        tried.append(backoff.url)
    assert tried == ["a", "b", "c", "a"] and backoff.used_up
    backoff.succeeded()
    assert not backoff.used_up
    backoff.failed(elsewhere=False)
    assert backoff.url == "a"
