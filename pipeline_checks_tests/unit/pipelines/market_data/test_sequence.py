"""The sequence of a symbol: next, gap, duplicate, out of order, reset."""

from __future__ import annotations

from pathlib import Path

from pipeline_checks.pipelines.market_data.flow.sequence import SequenceFile, SequenceTracker

HOUR = 3600 * 1_000_000


def events(tracker: SequenceTracker, *ids: int, at: int = 0) -> list[str]:
    """Return what each id of one symbol is."""
    return [tracker.see("BTCUSDT", i, at)[0] for i in ids]


def test_ids_that_follow_each_other_are_as_they_should_be() -> None:
    tracker = SequenceTracker()
    assert events(tracker, 7, 8, 9) == ["OK"] * 3
    assert not tracker.gaps and tracker.last("BTCUSDT") == 9


def test_ids_that_are_left_out_are_a_gap_that_names_them() -> None:
    tracker = SequenceTracker()
    assert events(tracker, 1, 5) == ["OK", "GAP"]
    (gap,) = tracker.gaps
    assert (gap.first, gap.last, gap.missing, gap.severity) == (2, 4, [2, 3, 4], "warning")


def test_more_than_ten_missing_are_critical() -> None:
    tracker = SequenceTracker()
    events(tracker, 1, 12, 24)
    assert [g.severity for g in tracker.gaps] == ["warning", "critical"]


def test_an_id_that_fills_a_gap_is_out_of_order_and_one_that_came_a_duplicate() -> None:
    tracker = SequenceTracker()
    assert events(tracker, 1, 3, 2, 2, 3) == ["OK", "GAP", "OUT_OF_ORDER", "DUPLICATE", "DUPLICATE"]
    assert tracker.gaps[0].missing == []


def test_a_small_id_much_later_is_a_reset() -> None:
    tracker = SequenceTracker()
    events(tracker, 1000)
    assert events(tracker, 10, at=HOUR // 2) == ["DUPLICATE"]
    assert events(tracker, 10, at=HOUR + 1) == ["RESET"]
    assert events(tracker, 11, at=HOUR + 2) == ["OK"]


def test_symbols_have_sequences_of_their_own() -> None:
    tracker = SequenceTracker()
    assert [tracker.see(s, 1, 0)[0] for s in ("BTCUSDT", "ETHUSDT")] == ["OK", "OK"]


def test_the_last_acknowledged_ids_are_kept_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "state" / "sequence.json"
    file = SequenceFile(path)
    assert file.load() == {}
    file.acknowledged("BTCUSDT", 5, 50)
    file.acknowledged("BTCUSDT", 4, 40)
    file.save()
    assert SequenceFile(path).load() == {"BTCUSDT": (5, 50)}
    tracker = SequenceTracker(SequenceFile(path).load())
    assert tracker.see("BTCUSDT", 8, 80)[0] == "GAP"
    SequenceFile(None).save()
