"""The reference is what the code says now."""

from __future__ import annotations

import pytest

from documentation.pages import FOLDER, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_the_reference_is_what_the_code_says(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name](), "run `make docs`"


def test_there_is_no_page_that_nothing_writes() -> None:
    assert {file.name for file in FOLDER.iterdir()} == set(PAGES)
