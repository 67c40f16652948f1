"""Patterns of other schemas as a contract's ``matches``, which is about the whole value."""

from __future__ import annotations

_LONGEST = 1000
"""How often RE2 repeats at most."""


def part_pattern(pattern: str) -> str:
    """Return the pattern of values in which ``pattern`` matches somewhere.

    >>> part_pattern("^a+$"), part_pattern("@")
    ('a+', '(?s:.*)(?:@)(?s:.*)')
    """
    if pattern.startswith("^") and pattern.endswith("$") and "|" not in pattern and not pattern.endswith(r"\\$"):
        return pattern[1:-1]
    return f"(?s:.*)(?:{pattern})(?s:.*)"


def length_pattern(least: int | None, most: int | None) -> str | None:
    r"""Return the pattern of values of a length; None when it is too long to be written as one.

    >>> length_pattern(1, None), length_pattern(None, 20)
    ('(?s:.{1,})', '(?s:.{0,20})')
    """
    if max(least or 0, most or 0) > _LONGEST:
        return None
    return f"(?s:.{{{least or 0},{'' if most is None else most}}})"
