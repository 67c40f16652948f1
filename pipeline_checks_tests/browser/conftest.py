"""A real browser: Chromium, as the machine has it, driven by Playwright."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, ViewportSize, sync_playwright

CHROMIUM_VARIABLE = "PIPELINE_CHECKS_CHROMIUM"
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDE, PHONE = (1280, 900), (390, 844)


def chromium() -> str:
    """Return where Chromium is; fails with what to install where there is none."""
    named = os.environ.get(CHROMIUM_VARIABLE)
    found = named or next((place for name in _NAMES if (place := shutil.which(name))), None)
    if found is None or not os.access(found, os.X_OK):
        where = f"{CHROMIUM_VARIABLE} names {named}, which cannot be run" if named else "there is no Chromium"
        pytest.fail(f"{where}: `apt-get install chromium`, or set {CHROMIUM_VARIABLE} to a Chromium or Chrome")
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[BrowserContext]:
    """Return a browser with a profile of its own, of which nothing is left.

    A module's, not the session's: as long as it is open, an event loop runs in this thread, and others want theirs.
    """
    with (
        tempfile.TemporaryDirectory(prefix="pipeline_checks_tests-chromium-") as profile,
        sync_playwright() as playwright,
    ):
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=chromium(), headless=True, args=list(_SWITCHES), viewport=_size(WIDE)
        )
        try:
            yield context
        finally:
            context.close()


@pytest.fixture
def page(browser: BrowserContext) -> Iterator[Page]:
    """Return a new page of the browser, as wide as a desk's screen."""
    opened = browser.new_page()
    try:
        yield opened
    finally:
        opened.close()


def resize(page: Page, size: tuple[int, int]) -> None:
    """Give a page the size of ``WIDE`` or ``PHONE``."""
    page.set_viewport_size(_size(size))


def photograph(page: Page, place: Path) -> None:
    """Write what the page shows into a file."""
    place.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(place))


def _size(size: tuple[int, int]) -> ViewportSize:
    return {"width": size[0], "height": size[1]}
