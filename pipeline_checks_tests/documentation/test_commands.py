"""Every command that a page shows is run as its reader runs it; what the page shows as output has been written."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_checks_tests.documentation.pages import Block, blocks, pages
from pipeline_checks_tests.documentation.running import Reader
from pipeline_checks_tests.syntax import ROOT

RUN_BY_MAKE_TEST = ("docs/tutorial.md",)
"""Pages that need no services: the others are run by `make test-docs`."""
PAGES = {str(page.relative_to(ROOT)): blocks(page) for page in pages()}
RUN = [name for name, found in PAGES.items() if any(block.is_run for block in found)]


@pytest.fixture
def reader(tmp_path: Path, own_home: Path) -> Reader:
    """A reader in an empty project, with a stack of its own that is gone behind the test."""
    return Reader(tmp_path, own_home, seconds=3000)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in RUN_BY_MAKE_TEST else pytest.mark.soak) for name in RUN],
)
@pytest.mark.timeout(3600)
def test_the_commands_of_a_page_do_what_it_says(name: str, reader: Reader) -> None:
    for block in PAGES[name]:
        reader.follow(block)
    assert reader.ran == sum(len(b.commands()) for b in PAGES[name] if b.is_run) > 0


def test_a_page_that_shows_what_is_not_so_fails(tmp_path: Path, own_home: Path) -> None:
    shown = Block(ROOT / "README.md", 1, "text", "9 orders\n", "output")
    typed = Block(ROOT / "README.md", 1, "bash", "echo '10 orders'\n")
    reader = Reader(tmp_path, own_home, 60)
    reader.follow(typed)
    with pytest.raises(AssertionError, match="9 orders"):
        reader.follow(shown)
    with pytest.raises(AssertionError, match="exits 3, not 0"):
        reader.follow(Block(ROOT / "README.md", 1, "bash", "(exit 3)\necho never\n"))
