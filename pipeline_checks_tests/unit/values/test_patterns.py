"""A pattern of RE2 is judged alike by DuckDB, whose own it is, and by the dialect it is rewritten into for polars."""

from __future__ import annotations

import duckdb
import polars as pl
import pytest

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.values.patterns import for_java, for_postgres, for_rust

VALUES = [
    *(
        "",
        "\n",
        "a",
        "A",
        "ab",
        "aa",
        "a.b",
        "a.c",
        "a\nb",
        "a b",
        "a\u00a0b",
        "a\x0bb",
        "a-b",
        "[x]",
        "a&&b",
        "~~",
        "<a>",
    ),
    *("3", "٣", "é", "K", "\u212a", "s", "ſ", "_", "{", "a{", "a{,2}", "{a}", "x\\y"),
]
PATTERNS = [
    *("a.b", "a|ab", ".*", "(?s).*", "[a-z]{2}", "a{,2}", "a{", "{", "a{1,}", r"\{a\}", "(a)(b)", "(?:a|b)+?", "^ab$"),
    *(r"\d", r"\w+", r"a\sb", r"\D", r"\S*", r"\bab\b", r"\x41", r"\Qa.b\E", r"\Q<a>", r"\<a\>", r"a\.b", r"x\\y"),
    *(
        r"[\w-]+",
        r"[a\]x[]+",
        "[a&&b]+",
        "[^a]",
        r"[^\d]",
        r"[\D]",
        "[[:alpha:]]+",
        r"[\s\d]*",
        "[~]+",
        "[a-]b?",
        "[]x[]+",
    ),
    *("(?i)k", "(?i)s", r"\p{L}", r"[\p{L}]+", "é"),
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_polars_judges_a_rewritten_pattern_as_duckdb_judges_the_pattern(pattern: str) -> None:
    expected = [duckdb.execute("SELECT regexp_full_match(?, ?)", [v, pattern]).fetchone()[0] for v in VALUES]  # type: ignore[index]
    assert pl.Series(VALUES).str.contains(for_rust(pattern)).to_list() == expected


@pytest.mark.parametrize(
    "pattern", ["(?i)k", "a+?", r"\bab\b", r"\p{L}", "é", "[[:alpha:]]", "^a$", "a{300}", "(?P<n>a)"]
)
def test_a_pattern_that_postgres_might_judge_otherwise_is_not_given_to_it(pattern: str) -> None:
    assert for_postgres(pattern) is None


def test_a_plain_pattern_is_given_to_postgres_with_its_classes_spelt_out() -> None:
    assert for_postgres(r"[^@]+[a-c\d]{2}") == "^(?:[^@]+[a-c0-9]{2})$"
    assert for_postgres(r".+@\w+") == "^(?:[^\\n]+@[0-9A-Za-z_]+)$"


@pytest.mark.parametrize("pattern", ["[a", "a\\"])
def test_a_pattern_that_ends_too_early_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigurationError):
        for_rust(pattern)


@pytest.mark.parametrize(
    ("pattern", "for_java_"),
    [
        ("a.b", r"\A(?:a[^\n]b)\z"),
        ("(?:a|b)+?", r"\A(?:(?:a|b)+?)\z"),
        (r"\d{2}-\W", r"\A(?:[0-9]{2}-[^0-9A-Za-z_])\z"),
        ("[]a&&b[]", r"\A(?:[\]a\&\&b\[])\z"),
        (r"[^\w.]", r"\A(?:[^0-9A-Za-z_.])\z"),
        ("{", r"\A(?:\{)\z"),
    ],
)
def test_a_pattern_is_put_into_java(pattern: str, for_java_: str) -> None:
    assert for_java(pattern) == for_java_


@pytest.mark.parametrize("pattern", ["(?i)a", "^a", "a$", "a*+", r"\bx", r"\pL", "[[:alpha:]]", r"[\D]", r"[\p{L}]"])
def test_a_pattern_that_java_may_judge_otherwise_is_not_put_into_it(pattern: str) -> None:
    assert for_java(pattern) is None
