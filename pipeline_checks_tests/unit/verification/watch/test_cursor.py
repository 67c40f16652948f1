"""What a watch remembers survives as text."""

from __future__ import annotations

import pytest

from pipeline_checks.verification.watch.cursor import Cursor

HERE = ("shop", "orders")


def test_a_cursor_is_read_as_it_was_written() -> None:
    cursor = Cursor({HERE: {"kind": "version", "value": 3}, ("shop", "view"): None}, {HERE: 12.5}, {HERE: 1})
    assert Cursor.parse(cursor.text()) == cursor


@pytest.mark.parametrize("text", [None, "", "no json", "[]", '{"format": 99, "positions": {"shop": {"orders": 1}}}'])
def test_what_is_no_cursor_begins_anew(text: str | None) -> None:
    assert Cursor.parse(text) == Cursor()


def test_what_is_owed_sooner_stays_owed() -> None:
    cursor = Cursor()
    for at in (20.0, 10.0, 30.0):
        cursor.owe(HERE, at)
    assert cursor.owed == {HERE: 10.0}


def test_stages_that_are_declared_no_more_are_forgotten() -> None:
    gone = ("shop", "gone")
    cursor = Cursor({HERE: None, gone: None}, {HERE: 1.0, gone: 1.0}, {gone: 1})
    cursor.forget_others({HERE})
    assert cursor == Cursor({HERE: None}, {HERE: 1.0}, {})
