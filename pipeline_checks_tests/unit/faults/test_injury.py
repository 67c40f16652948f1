"""Injuries are written down so that another process can undo them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_checks.faults.injury import Injury, InjuryBook
from pipeline_checks.model.errors import ConfigurationError, TerminalError


def injury(name: str) -> Injury:
    return Injury(name, "shop", "lake", "Rows are gone", ({"id": 1},), {"commits": ["7"]}, {"version": 6})


def test_another_process_reads_what_was_written_down(tmp_path: Path) -> None:
    first, second = injury("lost_rows"), injury("doubled_rows")
    book = InjuryBook(tmp_path)
    book.record(first)
    book.record(second)
    assert list(InjuryBook(tmp_path)) == [first, second]
    assert InjuryBook(tmp_path).find(second.id) == second
    book.forget(first)
    book.forget(first)
    assert list(InjuryBook(tmp_path)) == [second]


def test_an_unknown_injury_is_refused_naming_those_that_are_there(tmp_path: Path) -> None:
    known = injury("lost_rows")
    InjuryBook(tmp_path).record(known)
    with pytest.raises(ConfigurationError, match=f"Not undone yet: {known.id}"):
        InjuryBook(tmp_path).find("nothing")


def test_an_unreadable_injury_is_told_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "abc.json").write_text("{")
    with pytest.raises(TerminalError, match=r"abc\.json"):
        list(InjuryBook(tmp_path))


def test_without_any_damage_the_book_is_empty(tmp_path: Path) -> None:
    assert list(InjuryBook(tmp_path / "injuries")) == []
