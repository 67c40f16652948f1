"""Dagster's UI in a browser: the stages of cdc are materialized by a click, and their checks are seen."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from pipeline_checks.model.clock import Deadline
from pipeline_checks.pipelines.parts import seed_of
from pipeline_checks.verification.discovery import load_pipeline
from pipeline_checks_tests.browser.conftest import photograph
from pipeline_checks_tests.browser.webserver import REPORTS, Webserver, webserver
from pipeline_checks_tests.conftest import RunningStack
from pipeline_checks_tests.dagster.processes import fast_folder

PATIENCE = 60_000
"""Milliseconds that the UI may take to show something."""
RUN_SECONDS = 240
PICTURES_VARIABLE = "PIPELINE_CHECKS_PICTURES"
"""A folder into which the pictures of the documentation are written, when it is set."""
STAGE = "delta_orders"


@pytest.fixture(scope="module")
def ui(stack: RunningStack) -> Iterator[Webserver]:
    """The UI over a code location that holds cdc alone, with rows in its source."""
    seed = seed_of(load_pipeline("cdc"))
    if seed.is_empty():
        seed.seed(100, 42)
    with fast_folder() as folder, webserver(folder, "cdc") as running:
        yield running


def picture(page: Page, name: str) -> None:
    if folder := os.environ.get(PICTURES_VARIABLE):
        photograph(page, Path(folder) / name)


@pytest.mark.timeout(600)
def test_the_stages_of_cdc_are_materialized_by_a_click_and_their_checks_are_seen(ui: Webserver, page: Page) -> None:
    page.set_default_timeout(PATIENCE)
    page.goto(f"{ui.url}/locations/{ui.location}/jobs/cdc_run")
    page.get_by_role("button", name=re.compile("Materialize all", re.IGNORECASE)).first.click()

    def ended() -> str | None:
        (run,) = ui.runs() or [{"status": ""}]
        return run["status"] if run["status"] in ("SUCCESS", "FAILURE", "CANCELED") else None

    assert Deadline(RUN_SECONDS).wait_until(ended, every=0.5) == "SUCCESS"
    page.goto(f"{ui.url}/assets/cdc/{STAGE}?view=checks")
    for kind in ("counts", "reconcile", "duplicates"):
        expect(page.get_by_text(kind, exact=True).first).to_be_visible(timeout=PATIENCE)
    page.goto(f"{ui.url}/assets/cdc/{STAGE}?view=checks&checkDetail=counts")
    expect(page.get_by_text(re.compile("Passed", re.IGNORECASE)).first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("looked_at_rows").first).to_be_visible(timeout=PATIENCE)
    run_id = ui.runs()[0]["runId"]
    expect(page.locator(f'a[href="{REPORTS}/cdc-{run_id}.html"]').first).to_be_visible(timeout=PATIENCE)
    picture(page, "dagster-checks.png")
    page.goto(f"{ui.url}/assets/cdc/{STAGE}?view=overview")
    expect(page.get_by_text("The current rows of orders, in Delta Lake").first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("cdc", exact=True).first).to_be_visible(timeout=PATIENCE)
    picture(page, "dagster-stage.png")
