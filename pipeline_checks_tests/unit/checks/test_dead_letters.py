"""dead_letters: closed words, by what the input is; the original kept; invalid inputs among them; limits."""

from __future__ import annotations

import pytest

from pipeline_checks.checks.registry import check
from pipeline_checks.model.dead_letters import DeadLetters, DeadLetterSample, WrongLetter
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.verdict import Verdict
from pipeline_checks_tests.unit.checks.linked_cases import given_at, judge, made, made_at, plain

WORDS = ["validation_error", "processing_error"]
PROMISED = {"errors": "errors", "types": WORDS, "unreadable": ["processing_error"], "invalid": ["validation_error"]}
LETTERS = DeadLetters("original_message", "error_type", "errors")
PAIR = (made_at(0), given_at(7))


def promising(**more: object) -> dict[str, object]:
    return {"dead_letters": {**PROMISED, **more}}


def test_it_needs_links_and_its_columns() -> None:
    found = check("dead_letters")
    assert [found.applies_to(s) for s in (made(promising()), made())] == [True, False]
    with pytest.raises(ConfigurationError, match="links"):
        found.configure(plain(promising()))
    with pytest.raises(ConfigurationError, match="'reason'"):
        found.configure(made({"dead_letters": {"error_type": "reason"}}))


def test_letters_of_the_right_words_pass() -> None:
    sample = DeadLetterSample(
        2,
        10,
        {"validation_error": 1, "processing_error": 1},
        {("invalid", "validation_error"): (1, (PAIR,)), ("unreadable", "processing_error"): (1, (PAIR,))},
    )
    judgement = judge("dead_letters", made(promising()), {LETTERS: sample})
    assert judgement.verdict is Verdict.PASS
    assert judgement.message == "2 dead letters of 10 outputs: 1 processing_error, 1 validation_error"


def test_no_letter_among_outputs_passes_and_no_output_proves_nothing() -> None:
    assert judge("dead_letters", made(promising()), {LETTERS: DeadLetterSample(0, 10)}).verdict is Verdict.PASS
    assert judge("dead_letters", made(promising()), {LETTERS: DeadLetterSample(0, 0)}).verdict is Verdict.UNSETTLED


@pytest.mark.parametrize(
    ("meaning", "word", "allowed"),
    [
        ("invalid", "processing_error", ["validation_error"]),
        ("unreadable", "validation_error", ["processing_error"]),
        ("valid", "other_error", WORDS),
    ],
)
def test_a_word_that_such_an_input_cannot_have_is_told(meaning: str, word: str, allowed: list[str]) -> None:
    sample = DeadLetterSample(1, 10, {word: 1}, {(meaning, word): (1, (PAIR,))})
    (finding,) = judge("dead_letters", made(promising()), {LETTERS: sample}).findings
    assert (finding.kind, finding.detail, finding.expected, finding.seen) == (
        "unaccepted_value",
        "error_type",
        allowed,
        word,
    )
    assert (finding.key, finding.position) == ({"partition": 0, "offset": 7}, made_at(0).position)


def test_more_letters_than_are_named_are_counted() -> None:
    sample = DeadLetterSample(70, 100, {"x": 70}, {("valid", "x"): (70, (PAIR,))})
    judgement = judge("dead_letters", made(promising()), {LETTERS: sample})
    assert (judgement.total, judgement.findings[1].extra["keys_total"]) == (70, 69)


def test_an_altered_original_and_lacking_errors_are_changed() -> None:
    wrong = WrongLetter(made_at(0), given_at(7), "original_message", "it is another", {"a": 1}, {"a": 2})
    sample = DeadLetterSample(1, 10, {"validation_error": 1}, wrong_total=1, wrong=(wrong,))
    (finding,) = judge("dead_letters", made(promising()), {LETTERS: sample}).findings
    assert (finding.kind, finding.detail, finding.expected, finding.seen) == (
        "changed",
        "original_message",
        {"a": 1},
        {"a": 2},
    )


def test_an_invalid_input_that_was_processed_is_told_unless_that_is_allowed() -> None:
    sample = DeadLetterSample(
        0,
        10,
        not_dead_total=2,
        not_dead=((given_at(1), made_at(1), "invalid"), (given_at(2), made_at(2), "unreadable")),
    )
    found = judge("dead_letters", made(promising()), {LETTERS: sample}).findings
    assert [(f.kind, f.detail) for f in found] == [
        ("not_in_dead_letters", "invalid"),
        ("not_in_dead_letters", "unreadable"),
    ]
    loose = judge("dead_letters", made(promising(keeps_invalid=False)), {LETTERS: sample})
    assert [f.detail for f in loose.findings] == ["unreadable"]


def test_too_many_are_told_by_share_and_count() -> None:
    sample = DeadLetterSample(2, 10, {"validation_error": 2})
    judgement = judge("dead_letters", made(promising(share=0.1, count=1)), {LETTERS: sample})
    assert [(f.kind, f.detail, f.seen) for f in judgement.findings] == [
        ("out_of_range", "share", 0.2),
        ("out_of_range", "count", 2),
    ]
    assert judge("dead_letters", made(promising(share=0.2, count=2)), {LETTERS: sample}).verdict is Verdict.PASS
