"""The Markdown summary: read back by a parser of GitHub's dialect."""

from __future__ import annotations

import re

import pytest
from markdown_it import MarkdownIt

from pipeline_checks.model.finding import Finding
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.reports.markdown import CELL_LENGTH, FINDINGS_SHOWN, escape, render
from pipeline_checks.reports.text import one_line
from pipeline_checks_tests.unit.reports.results import HOSTILE, checked, missing, run


def cells(line: str) -> list[str]:
    """The cells of a row of a table, as a parser splits them."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_the_table_sets_stages_against_checks_with_verdict_words() -> None:
    lines = render([run()]).splitlines()
    assert lines[0].endswith("shop: FAIL")
    rows = [cells(line) for line in lines if line.startswith("|")]
    assert rows[0] == ["stage", "rows", "covers the cut", "counts", "latency", "freshness"]
    words = {row[0]: [cell.split()[-1] if cell else "" for cell in row[1:]] for row in rows[2:6]}
    assert words == {
        "pg_orders": ["10", "yes", "PASS", "", ""],
        "topic_orders": ["(bound)", "yes", "", "WARN", ""],
        "delta_orders": ["9", "no", "FAIL", "", "UNSETTLED"],
        "api_orders": ["", "unknown", "ERROR", "", ""],
    }


def test_cut_totals_and_findings_are_told() -> None:
    text = render([run()])
    assert "5 checks: 1 PASS, 1 WARN, 1 FAIL, 1 UNSETTLED, 1 ERROR in 12.3 s" in text
    assert "Cut: 0/16B3748, snapshot 10:20:12" in text
    assert "- **FAIL** delta_orders, counts: 9 rows, 10 expected, 1 missing" in text
    row = next(cells(line) for line in text.splitlines() if line.startswith("| missing"))
    assert row == ["missing", "delta_orders", "order_id=4", "version 57", "order_id 4 is missing from delta_orders"]


def test_a_clean_run_lists_nothing_but_its_table() -> None:
    text = render([run(checked(Verdict.PASS), cut=None)])
    assert "Not passed" not in text and "Findings" not in text
    assert "No cut was taken." in text


def test_hostile_text_stays_text_in_one_cell() -> None:
    text = render([run(checked(Verdict.FAIL, HOSTILE, (missing(HOSTILE, HOSTILE),)))])
    row = next(line for line in text.splitlines() if line.startswith("| missing"))
    assert len(cells(row)) == 5
    for forbidden in ("<script", "\x1b", "\x00", "tiger", "@all", "#1 ", "[l](", "http://", "`c`", "**x**"):
        assert forbidden not in text


PARSED = [
    HOSTILE,
    "a|b",
    "a\\|b",
    "<b>x</b> &lt;i&gt;",
    "*a* _b_ __c__ ~~d~~ `e`",
    "![i](x) [l](y)",
    "$x$ https://x.y www.x.y",
]


@pytest.mark.parametrize("text", PARSED)
def test_escaped_text_is_shown_as_it_was(text: str) -> None:
    parser = MarkdownIt("gfm-like", {"linkify": False, "html": True})
    tokens = parser.parse(f"| a |\n|---|\n| {escape(text)} |")
    inline = [t for t in tokens if t.type == "inline"]
    assert len(inline) == 2
    children = inline[1].children or []
    assert {child.type for child in children} == {"text"}
    assert "".join(child.content for child in children) == one_line(text)


def test_long_texts_and_many_findings_are_cut_off_and_counted() -> None:
    findings: tuple[Finding, ...] = tuple(missing(i, "x" * 1000) for i in range(FINDINGS_SHOWN + 10))
    text = render([run(checked(Verdict.FAIL, "many", findings, 1000))])
    assert sum(line.startswith("| missing") for line in text.splitlines()) == FINDINGS_SHOWN
    assert f"and {1000 - FINDINGS_SHOWN} more." in text
    assert max(len(line) for line in text.splitlines()) < 3 * CELL_LENGTH


def test_several_pipelines_are_several_sections() -> None:
    text = render([run(pipeline="a"), run(checked(Verdict.PASS), pipeline="b")])
    assert [line.split()[-2:] for line in text.splitlines() if line.startswith("## ")] == [
        ["a:", "FAIL"],
        ["b:", "PASS"],
    ]
