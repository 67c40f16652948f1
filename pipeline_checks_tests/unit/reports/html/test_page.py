"""The page, read back: what stands in it, that hostile text stays text, and that it stays small."""

from __future__ import annotations

import base64
import hashlib
import random
import re
from datetime import timedelta

import pytest

from pipeline_checks.model.finding import Finding
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.position import OffsetsPosition, VersionPosition
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.reports.html.finding_cards import WRITTEN_OUT
from pipeline_checks.reports.html.page import render
from pipeline_checks.reports.html.subject import Subject
from pipeline_checks.verification.ledger.past import Past, PastRun
from pipeline_checks.verification.ledger.proofs import Proof
from pipeline_checks_tests.unit.reports.html.reading import Element, read, unpacked
from pipeline_checks_tests.unit.reports.results import HOSTILE, TAKEN, checked, missing, run

WAYS = {
    "pg_orders": (),
    "topic_orders": ("pg_orders",),
    "delta_orders": ("topic_orders",),
    "api_orders": ("delta_orders",),
}
DECLARED = Pipeline(
    name="shop",
    description="Orders of a shop",
    stages=tuple(
        StageDeclaration.model_validate(
            {"name": name, "kind": "files", "from": above, "contract": {"key": ["order_id"]}}
        )
        for name, above in WAYS.items()
    ),
)


def page(*subjects: Subject) -> Element:
    return read(render(subjects or [Subject(run(), DECLARED)]))


def past(*rows: float) -> Past:
    runs = tuple(
        PastRun(f"r{i}", TAKEN + timedelta(hours=i), 1.5 + i, "FAIL" if i == 1 else "PASS", {"PASS": 5}, i)
        for i in range(len(rows))
    )
    proof = Proof(
        "topic_orders", "delta_orders", None, {"kind": "version", "value": 56}, None, None, 9, "p", "i", at=TAKEN
    )
    return Past(runs, {("delta_orders", "rows"): {f"r{i}": value for i, value in enumerate(rows)}}, (proof,))


def test_the_grid_sets_stages_against_promises() -> None:
    grid = page().section("Verdicts").all("table")[0]
    assert [th.text for th in grid.all("th") if th.attributes.get("scope") == "col"] == [
        "stage", "counts", "latency", "freshness"
    ]  # fmt: skip
    told = {
        row.all("th")[0].text: [cell.all("a")[0].attributes["title"] if cell.all("a") else "" for cell in row.all("td")]
        for row in grid.all("tr")[1:]
    }
    assert told == {
        "pg_orders": ["pg_orders, counts: PASS", "", ""],
        "topic_orders": ["", "topic_orders, latency: WARN", ""],
        "delta_orders": ["delta_orders, counts: FAIL", "", "delta_orders, freshness: UNSETTLED"],
        "api_orders": ["api_orders, counts: ERROR", "", ""],
    }


def test_the_picture_has_rows_and_lag_at_each_stage_twice_for_wide_and_narrow_screens() -> None:
    picture = page().section("Picture")
    boxes = {box.all("text")[0].text: (box.all("text")[1].text, box.classes) for box in picture.all("g", "box")}
    assert boxes["pg_orders"] == ("10 rows · no lag", {"box", "PASS"})
    assert boxes["topic_orders"] == ("31 (bound) rows", {"box", "WARN"})
    assert boxes["delta_orders"] == ("9 rows", {"box", "FAIL"})
    assert len(picture.all("path", "edge")) == 3
    entries = [(li.attributes["style"], li.all("b")[0].text) for li in picture.all("ul", "narrow")[0].all("li")]
    assert entries == [(f"--depth:{i}", name) for i, name in enumerate(WAYS)]


def test_every_link_of_the_page_leads_to_a_place_in_it() -> None:
    tree = page(Subject(run(), DECLARED), Subject(run(pipeline="pond")))
    places = [
        e.attributes["id"] for tag in ("div", "details", "li", "script") for e in tree.all(tag) if "id" in e.attributes
    ]
    assert len(places) == len(set(places))
    links = [a.attributes["href"] for a in tree.all("a")]
    assert links
    assert all(link.removeprefix("#") in places for link in links)


def test_what_did_not_pass_is_listed_with_its_reason() -> None:
    wrong = [li.text for li in page().section("Not passed").all("li")]
    assert "FAIL delta_orders , counts : 9 rows, 10 expected, 1 missing" in wrong
    assert len(wrong) == 4
    clean = page(Subject(run(checked(Verdict.PASS)), DECLARED))
    assert not [s for s in clean.all("section") if s.attributes["aria-label"] in ("Not passed", "Findings")]


def test_a_finding_tells_the_way_of_its_row() -> None:
    (card,) = page().section("Findings").all("article")
    assert card.all("p")[0].text == "order_id 4 is missing from delta_orders"
    assert "order_id=4" in card.text
    assert "counts of delta_orders" in card.text
    way = {li.all("b")[0].text: li.classes for li in card.all("li")}
    assert way == {
        "pg_orders": {"right"}, "topic_orders": {"unknown"}, "delta_orders": {"first"}, "api_orders": {"unknown"}
    }  # fmt: skip


def test_how_it_was_proved_is_told() -> None:
    proof = page(Subject(run(), DECLARED, past(9))).section("Proof")
    assert {"0/16B3748", "10:20:12", TAKEN.isoformat()} <= {code.text for code in proof.all("code")}
    assert "delta_orders topic_orders version 56 9" in proof.all("tbody")[0].text
    assert "No cut was taken" in page(Subject(run(cut=None))).section("Proof").text
    stages = page().section("Stages")
    checks = next(d for d in stages.all("details", "stage") if "delta_orders" in d.all("b")[0].text)
    assert "looked at 10 rows" in checks.text
    assert "amount 1.50; ratio NaN" in checks.text
    assert "open" in checks.attributes
    assert "version 57 · does not cover the cut" in checks.text
    assert "it does not answer" in stages.text


def test_the_past_is_drawn_where_the_ledger_tells_of_it() -> None:
    tree = page(Subject(run(), DECLARED, past(10, 7, 9)))
    bars = tree.section("History").all("rect")
    assert [bar.classes for bar in bars] == [{"PASS"}, {"FAIL"}, {"PASS"}]
    assert (
        "FAIL in 2.5 s" in bars[1].all("title")[0].text if bars[1].children else "FAIL" in tree.section("History").text
    )
    (figure,) = tree.section("Stages").all("figure")
    assert figure.text == "rows 9 7 to 10 in 3 runs"
    heights = [float(y) for y in re.findall(r" ([\d.]+)", figure.all("path")[0].attributes["d"])]
    assert heights[0] < heights[2] < heights[1], "more stands higher"
    assert not page(Subject(run(), DECLARED, past(10))).section("Stages").all("figure")
    assert "no ledger was read" in page().section("History").text
    assert "tells of no run yet" in page(Subject(run(), DECLARED, Past())).section("History").text


def test_hostile_text_stays_text_and_the_policy_lets_nothing_be_loaded() -> None:
    hostile = run(checked(Verdict.FAIL, HOSTILE, (missing(HOSTILE, HOSTILE),)), pipeline="shop")
    text = render([Subject(hostile, DECLARED, None, HOSTILE)])
    tree = read(text)
    scripts = [s for s in tree.all("script") if "type" not in s.attributes]
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].own.encode()).digest()).decode()
    (policy,) = [
        m.attributes["content"] for m in tree.all("meta") if m.attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none';")
    assert f"script-src 'sha256-{digest}'" in policy
    for forbidden in ("<script>alert", "\x1b", "\x00", "tiger", "src=", "url(", "@import"):
        assert forbidden not in text
    assert "tiger" not in str(unpacked(tree))
    assert "<script>alert(1)</script>" in tree.section("Findings").text


def test_several_pipelines_are_named_at_the_top() -> None:
    tree = page(Subject(run(), DECLARED), Subject(run(checked(Verdict.PASS), pipeline="pond")))
    (nav,) = tree.all("nav")
    assert nav.text == "2 pipelines: FAIL ✗ shop ✓ pond"
    assert len(tree.all("div", "pipeline")) == 2
    assert not page().all("nav")


def many(number: int) -> list[Finding]:
    """Findings with values that no packing makes much smaller."""
    chance = random.Random(7)
    found = []
    for i in range(number):
        was, seen = f"{chance.random():.12f}", f"{chance.random():.12f}"
        steps = [
            {"stage": "pg_orders", "position": {"kind": "lsn", "value": "0/16B3748"}, "values": {"amount": was}},
            {
                "stage": "topic_orders",
                "position": OffsetsPosition.of({"shop.orders": {i % 3: i}}).to_json(),
                "values": {"amount": was},
            },
            {"stage": "delta_orders", "position": VersionPosition(57).to_json(), "values": {"amount": seen}},
        ]
        said = f"order_id {i} has other values in delta_orders (amount): pg_orders {was}; delta_orders {seen}"
        key = {"order_id": i, "line": f"{chance.getrandbits(64):x}"}
        found.append(
            Finding(
                "changed",
                "delta_orders",
                said,
                key,
                VersionPosition(57),
                None,
                {"amount": was},
                {"amount": seen},
                {"journey": steps},
            )
        )
    return found


@pytest.mark.parametrize(("most", "kept"), [(1_200_000, 400), (12_000, 0)])
def test_all_findings_are_in_the_page_as_far_as_there_is_room_and_the_page_says_so(
    most: int, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline_checks.reports.html.page.MOST_PACKED", most)
    every = many(400)
    few, rest = every[:20], every[20:]
    both = run(
        checked(Verdict.FAIL, findings=tuple(few), check="counts"),
        checked(Verdict.FAIL, findings=tuple(rest), total=900, check="reconcile"),
    )
    tree = page(Subject(both, DECLARED))
    rows = unpacked(tree)
    found = tree.section("Findings")
    assert len(found.all("article")) == WRITTEN_OUT
    said = found.all("p", "shown")[0].text
    assert f"{WRITTEN_OUT} of 920 shown. The checks list 400 of them." in said
    if kept:
        assert len(rows) == kept
        assert "have room" not in said
    else:
        assert 40 < len(rows) < 400
        assert sum(row[1] == "counts" for row in rows) == 20, "a check with few findings keeps them all"
        assert f"{len(rows):,} have room on this page" in said
        assert [row[5] for row in rows] == sorted((row[5] for row in rows), key=lambda key: int(key[9:].split(",")[0]))
