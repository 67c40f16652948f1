"""The verdict table in a terminal and in a log."""

from __future__ import annotations

import io

import pytest

from pipeline_checks.model.verdict import Verdict
from pipeline_checks.reports.console import FINDINGS_SHOWN, render, show
from pipeline_checks_tests.unit.reports.results import HOSTILE, checked, missing, run


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)


def test_plain_text_sets_stages_against_checks() -> None:
    lines = render([run()]).splitlines()
    assert lines[0].split() == ["stage", "rows", "counts", "latency", "freshness"]
    assert [line.split() for line in lines[1:5]] == [
        ["pg_orders", "10", "PASS"],
        ["topic_orders", "31", "(bound)", "WARN"],
        ["delta_orders", "9", "FAIL", "UNSETTLED"],
        ["api_orders", "ERROR"],
    ]
    expected = "shop: FAIL in 12.3 s (5 checks: 1 PASS, 1 WARN, 1 FAIL, 1 UNSETTLED, 1 ERROR; cut at 0/16B3748)"
    assert lines[-1] == expected


def test_what_did_not_pass_is_told_with_its_findings() -> None:
    lines = render([run()]).splitlines()
    at = lines.index("FAIL  delta_orders, counts: 9 rows, 10 expected, 1 missing")
    assert lines[at + 1] == (
        "    missing at delta_orders (order_id=4, version 57): order_id 4 is missing from delta_orders"
    )
    assert not any(line.startswith("PASS") for line in lines)


def test_findings_that_are_not_listed_are_counted() -> None:
    findings = tuple(missing(i) for i in range(FINDINGS_SHOWN + 5))
    assert f"    and {90 - FINDINGS_SHOWN} more" in render([run(checked(Verdict.FAIL, "many", findings, 90))])


def test_anything_but_a_terminal_gets_plain_text() -> None:
    stream = io.StringIO()
    show([run()], stream)
    assert stream.getvalue() == render([run()])
    assert "\x1b" not in stream.getvalue()


@pytest.mark.usefixtures("wide")
def test_a_terminal_gets_the_same_words_in_colour() -> None:
    stream = Terminal()
    show([run()], stream)
    text = stream.getvalue()
    assert "\x1b[" in text
    for word in ("delta_orders", "UNSETTLED", "9 rows, 10 expected, 1 missing", "cut at 0/16B3748"):
        assert word in text


@pytest.mark.usefixtures("wide")
def test_data_cannot_command_the_terminal_nor_show_a_password() -> None:
    hostile = run(checked(Verdict.FAIL, HOSTILE + " [bold]b[/bold] [/nonsense]", (missing("\x1b]0;t\x07", HOSTILE),)))
    stream = Terminal()
    show([hostile], stream)
    for text in (render([hostile]), stream.getvalue()):
        assert "\x1b[31m" not in text.replace("\x1b[1;31m", "") and "\x1b]0" not in text
        assert "\x00" not in text and "tiger" not in text
        assert "[bold]b[/bold]" in text
