"""The report in a browser: ten thousand findings, filtered, on a desk and on a phone, without a network."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from pipeline_checks.model.clock import monotonic
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.position import LsnPosition, OffsetsPosition, VersionPosition
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.reports.html.finding_cards import WRITTEN_OUT
from pipeline_checks.reports.html.page import render
from pipeline_checks.reports.html.subject import Subject
from pipeline_checks_tests.browser.conftest import PHONE, resize
from pipeline_checks_tests.unit.reports.html.test_page import DECLARED, past
from pipeline_checks_tests.unit.reports.results import HOSTILE, checked, missing, run

FINDINGS = 10_000
MOST_BYTES = 2_000_000
MOST_SECONDS = 1.0
OPENED = 3
"""How often the page is opened: the quickest time tells of the page, the others of what else the machine does."""
KINDS = ("counts", "reconcile", "values", "nulls")


def _changed(number: int, chance: random.Random) -> Finding:
    was, seen = f"{chance.random():.12f}", f"{chance.random():.12f}"
    places = {
        "pg_orders": (LsnPosition(23803720 + number), was),
        "topic_orders": (OffsetsPosition.of({"shop.orders": {number % 3: number}}), was),
        "delta_orders": (VersionPosition(57), seen),
    }
    steps = [{"stage": s, "position": p.to_json(), "values": {"amount": v}} for s, (p, v) in places.items()]
    return Finding(
        "changed",
        "delta_orders",
        f"order_id {number} has other values in delta_orders (amount): pg_orders {was}; delta_orders {seen}",
        {"order_id": number, "line": f"{chance.getrandbits(64):x}"},
        VersionPosition(57),
        None,
        {"amount": was},
        {"amount": seen},
        {"journey": steps},
    )


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run with ten thousand findings, each with values of its own."""
    chance = random.Random(7)
    found = [_changed(i, chance) for i in range(FINDINGS - 1)] + [missing(HOSTILE, HOSTILE)]
    checks = [checked(Verdict.FAIL, findings=tuple(found[i::4]), check=kind) for i, kind in enumerate(KINDS)]
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(render([Subject(run(*checks), DECLARED, past(10, 9, 9))]), encoding="utf-8")
    return file


def test_ten_thousand_findings_fit_and_open_at_once(large: Path, page: Page) -> None:
    assert large.stat().st_size <= MOST_BYTES
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: pytest.fail(f"text of the data was run: {dialog.message}"))
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    took = []
    for _ in range(OPENED):
        started = monotonic()
        page.goto(large.as_uri())
        took.append(monotonic() - started)
        expect(page.locator(".cards article")).to_have_count(WRITTEN_OUT)
    assert min(took) < MOST_SECONDS, took
    assert asked == [large.as_uri()] * OPENED
    assert not said


def test_findings_are_found_by_word_kind_and_stage(large: Path, page: Page) -> None:
    page.goto(large.as_uri())
    section = page.locator(".findings")
    expect(section.locator(".shown")).to_have_text(f"{WRITTEN_OUT} of 10,000 shown.")
    written_out = page.locator("article").first.inner_text()
    section.get_by_role("searchbox").fill("order_id=7777,")
    expect(section.locator("article")).to_have_count(1)
    card = section.locator("article")
    expect(card).to_contain_text("order_id 7777 has other values in delta_orders")
    expect(card.locator(".way li")).to_have_count(3)
    expect(card.locator(".way li.first")).to_contain_text("delta_orders")
    expect(section.locator(".shown")).to_have_text("1 of 10,000 shown (1 chosen).")
    section.get_by_role("searchbox").fill("")
    section.get_by_label("Kind of finding").select_option("missing")
    expect(section.locator("article")).to_have_count(1)
    expect(section.locator("article p")).to_contain_text("<script>alert(1)</script>")
    section.get_by_label("Kind of finding").select_option("")
    section.get_by_label("Stage").select_option("delta_orders")
    expect(section.locator("article")).to_have_count(WRITTEN_OUT)
    assert page.locator("article").first.inner_text() == written_out, "the script writes a card as the page has it"
    section.get_by_role("button", name="Show more").click()
    expect(section.locator("article")).to_have_count(2 * WRITTEN_OUT)


def test_a_cell_of_the_grid_leads_to_its_check(large: Path, page: Page) -> None:
    page.goto(large.as_uri())
    page.locator("a.mark", has_text="✗").first.click()
    expect(page.locator(".checks li:target")).to_be_in_viewport()
    expect(page.locator(".checks li:target b").first).to_have_text("counts")


def test_the_page_is_readable_on_a_phone(large: Path, page: Page) -> None:
    resize(page, PHONE)
    page.goto(large.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    expect(page.locator(".picture svg")).to_be_hidden()
    expect(page.locator(".tree li")).to_have_count(4)
    expect(page.locator(".tree li").first).to_contain_text(re.compile(r"pg_orders\s+10 rows"))
    sizes = page.eval_on_selector_all(".pipeline *", "all => all.map(e => parseFloat(getComputedStyle(e).fontSize))")
    assert min(sizes) >= 10


def test_without_scripts_everything_but_the_filter_is_there(large: Path, page: Page) -> None:
    text = re.sub(r"<script>.*?</script>", "", large.read_text(encoding="utf-8"), flags=re.DOTALL)
    page.set_content(text)
    expect(page.locator(".cards article")).to_have_count(WRITTEN_OUT)
    expect(page.locator(".filter")).to_be_hidden()
    expect(page.locator(".more")).to_be_hidden()
    expect(page.locator(".shown")).to_contain_text(f"{WRITTEN_OUT} of 10,000 shown")
