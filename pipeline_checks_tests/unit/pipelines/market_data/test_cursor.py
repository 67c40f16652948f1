"""Cursors: what is handed out is taken back, and nothing else."""

from __future__ import annotations

import base64

import orjson
import pytest

from pipeline_checks.pipelines.market_data.flow.serving.cursor import Cursor, question_of
from pipeline_checks.pipelines.market_data.flow.serving.errors import ApiError

CURSOR = Cursor(7, question_of("trades", None), (10, 3, "BTCUSDT"), 1, 100, 300)


def test_a_cursor_is_taken_back() -> None:
    assert Cursor.of(CURSOR.text(), CURSOR.question) == CURSOR


def encoded(document: object) -> str:
    """Return a document as a cursor would be written."""
    return base64.urlsafe_b64encode(orjson.dumps(document)).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no cursor",
        "é",
        encoded(5),
        encoded([]),
        encoded([7, CURSOR.question, 10, 3, 5, 1, 100, 300]),
        encoded([7, CURSOR.question, -1, 3, "B", 1, 100, 300]),
        encoded([7, CURSOR.question, True, 3, "B", 1, 100, 300]),
        encoded([7, CURSOR.question, 10, 3, "B", 1, 400, 300]),
        encoded([7, question_of("quotes", None), 10, 3, "B", 1, 100, 300]),
    ],
)
def test_what_is_no_cursor_of_the_question_is_refused(text: str) -> None:
    with pytest.raises(ApiError) as refused:
        Cursor.of(text, CURSOR.question)
    assert (refused.value.status, refused.value.code) == (400, "INVALID_CURSOR")
