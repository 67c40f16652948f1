"""Finds the field of a CSV line in which its quotes are broken: the reader says only that they are."""

from __future__ import annotations


def field_of_broken_quote(line: str) -> int:
    """Return the place, from 0, of the first field that opens a quote and does not close it before a comma or the end.

    >>> field_of_broken_quote('1,"a, b",x'), field_of_broken_quote('1,"a"b,x'), field_of_broken_quote('1,2,"a,b')
    (3, 1, 2)
    """
    place, at, end = 0, 0, len(line.rstrip("\r\n"))
    while at <= end:
        if line[at : at + 1] != '"':
            comma = line.find(",", at, end)
            if comma < 0:
                return place + 1
        else:
            close = _closing(line, at + 1, end)
            if close < 0 or (close + 1 < end and line[close + 1] != ","):
                return place
            comma = close + 1
        place, at = place + 1, comma + 1
    return place


def _closing(line: str, at: int, end: int) -> int:
    while (at := line.find('"', at, end)) >= 0 and line[at + 1 : at + 2] == '"':
        at += 2
    return at
