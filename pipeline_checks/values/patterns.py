"""Text patterns: written in RE2's syntax, matched as a whole, and put into the dialect of each system.

The dialects differ in classes (``\\d`` is ASCII in RE2, Unicode in Rust), in whether ``.`` takes a line feed, and in
what stands inside brackets. A pattern is rewritten so that all judge alike, or not handed to a system that cannot.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from pipeline_checks.model.errors import ConfigurationError

_REPETITION = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_NAMED_ESCAPE = re.compile(r"\\[pPx]\{[^}]*\}")
_MOST_REPETITIONS = 255
"""What Postgres allows; RE2 allows 1000."""
_CLASSES = {"d": "0-9", "w": "0-9A-Za-z_", "s": "\\t\\n\\f\\r "}
_ALIKE = frozenset("tnfr")
"""Escapes of characters that RE2 and Java have in common."""


def for_rust(pattern: str) -> str:
    """Return the pattern, anchored at both ends, for the regular expressions of polars."""
    parts = []
    for token in _tokens(pattern):
        if token.startswith("["):
            parts.append(_bracket_for_rust(token))
        elif token in (r"\<", r"\>"):
            parts.append(token[1:])  # ends of words in Rust
        elif token.startswith("\\"):
            parts.append(_escape(token))
        else:
            parts.append(r"\{" if token == "{" else token)
    return rf"\A(?:{''.join(parts)})\z"


def for_postgres(pattern: str) -> str | None:
    """Return the pattern, anchored at both ends, for Postgres; None when Postgres might judge it otherwise.

    Taken are literals, ``.``, classes without further escapes, groups, alternatives and greedy quantifiers.
    """
    if not pattern.isascii():
        return None
    inside = _translated(pattern, _taken_by_postgres, _bracket_for_postgres)
    return None if inside is None else f"^(?:{inside})$"


def for_java(pattern: str) -> str | None:
    """Return the pattern, anchored at both ends, for Java; None when Java might judge it otherwise.

    Taken are literals, ``.``, classes without named ones, groups, alternatives and quantifiers.
    """
    inside = _translated(pattern, _taken_by_java, _bracket_for_java)
    return None if inside is None else rf"\A(?:{inside})\z"


def _translated(pattern: str, taken: Callable[[str, str], bool], bracket: Callable[[str], str | None]) -> str | None:
    """Return the pattern in another dialect, without anchors; None where that might judge otherwise.

    ``taken`` says of a token, and the one behind it, whether the dialect reads it alike, ``bracket`` translates one.
    """
    parts = []
    tokens = list(_tokens(pattern))
    for place, token in enumerate(tokens):
        following = tokens[place + 1] if place + 1 < len(tokens) else ""
        if not taken(token, following):
            return None
        if token in ("^", "$"):
            return None  # without effect in a whole match, or meant for several lines
        if token == "(" and following == "?" and tokens[place + 1 : place + 3] != ["?", ":"]:
            return None  # flags and names
        if token == "{":
            parts.append("\\{")
        elif token == ".":
            parts.append("[^\\n]")
        elif token.startswith("["):
            translated = bracket(token)
            if translated is None:
                return None
            parts.append(translated)
        else:
            parts.append(_escape(token) if token.startswith("\\") else token)
    return "".join(parts)


def _taken_by_postgres(token: str, following: str) -> bool:
    repeated = _REPETITION.fullmatch(token)
    if (repeated or token in ("*", "+", "?")) and following in ("?", "+"):
        return False  # not greedy: Postgres lets the first quantifier decide for the whole
    if repeated and any(int(n) > _MOST_REPETITIONS for n in repeated.groups() if n):
        return False
    escaped = token[1:] if token.startswith("\\") else ""
    return not escaped or not escaped[0].isalnum() or escaped.lower() in _CLASSES


def _taken_by_java(token: str, following: str) -> bool:
    if (_REPETITION.fullmatch(token) or token in ("*", "+", "?")) and following == "+":
        return False  # possessive there
    escaped = token[1:] if token.startswith("\\") else ""
    return not escaped.isalnum() or escaped.lower() in _CLASSES or escaped in _ALIKE


def _escape(token: str) -> str:
    letter = token[1:]
    if letter in _CLASSES:
        return f"[{_CLASSES[letter]}]"
    if letter.lower() in _CLASSES:
        return f"[^{_CLASSES[letter.lower()]}]"
    return r"(?-u:\b)" if letter == "b" else token


def _bracket_for_rust(token: str) -> str:
    """Rust nests brackets and combines them with ``&&``, ``--`` and ``~~``; in RE2 these are plain characters."""
    negated, body = _bracket(token)
    parts = []
    for item in _tokens_in_bracket(body):
        if item.startswith("\\") and item[1:].lower() in _CLASSES:
            shorthand = _CLASSES[item[1:].lower()]
            parts.append(shorthand if item[1:] in _CLASSES else f"[^{shorthand}]")
        elif item in ("[", "&", "~"):
            parts.append("\\" + item)
        else:
            parts.append(item)
    return f"[{'^' if negated else ''}{''.join(parts)}]"


def _bracket_for_postgres(token: str) -> str | None:
    negated, body = _bracket(token)
    parts = []
    for item in _tokens_in_bracket(body):
        if item == "[" or item.startswith("[:"):
            return None
        if item.startswith("\\"):
            letter = item[1:]
            if letter in _CLASSES:
                parts.append(_CLASSES[letter])
            elif letter.isalnum():
                return None
            else:
                parts.append(item)
        else:
            parts.append(item)
    return f"[{'^' if negated else ''}{''.join(parts)}]"


def _bracket_for_java(token: str) -> str | None:
    """Java nests brackets and intersects them with ``&&``."""
    negated, body = _bracket(token)
    parts = []
    for item in _tokens_in_bracket(body):
        if item.startswith("[:"):
            return None
        if item.startswith("\\") and item[1:].isalnum():
            if item[1:] in _CLASSES:
                parts.append(_CLASSES[item[1:]])
            elif item[1:] in _ALIKE:
                parts.append(item)
            else:
                return None
        else:
            parts.append("\\" + item if item in ("[", "]", "&") else item)
    return f"[{'^' if negated else ''}{''.join(parts)}]"


def _bracket(token: str) -> tuple[bool, str]:
    body = token[1:-1]
    return (True, body[1:]) if body.startswith("^") else (False, body)


def _tokens_in_bracket(body: str) -> Iterator[str]:
    place = 0
    while place < len(body):
        if body[place] == "\\":
            yield body[place : place + 2]
            place += 2
        elif body.startswith("[:", place) and (end := body.find(":]", place)) > 0:
            yield body[place : end + 2]
            place = end + 2
        else:
            yield body[place]
            place += 1


def _tokens(pattern: str) -> Iterator[str]:
    """Split a pattern into characters, escapes, whole brackets and repetitions; quoted parts become escapes."""
    place = 0
    while place < len(pattern):
        character = pattern[place]
        if pattern.startswith("\\Q", place):
            end = pattern.find("\\E", place)
            literal = pattern[place + 2 : end if end >= 0 else None]
            yield from ("\\" + c if not c.isalnum() and c.isascii() else c for c in literal)
            place = end + 2 if end >= 0 else len(pattern)
        elif character == "\\":
            if place + 1 == len(pattern):
                raise ConfigurationError(f"the pattern {pattern!r} ends in a backslash.")
            named = _NAMED_ESCAPE.match(pattern, place)
            end = named.end() if named else place + 2
            yield pattern[place:end]
            place = end
        elif character == "[":
            end = _end_of_bracket(pattern, place)
            yield pattern[place:end]
            place = end
        elif repetition := _REPETITION.match(pattern, place):
            yield repetition.group(0)
            place = repetition.end()
        else:
            yield character
            place += 1


def _end_of_bracket(pattern: str, start: int) -> int:
    place = start + 1
    if pattern.startswith("^", place):
        place += 1
    if pattern.startswith("]", place):  # first of all a bracket is a character
        place += 1
    while place < len(pattern):
        if pattern[place] == "\\":
            place += 2
        elif pattern.startswith("[:", place) and (end := pattern.find(":]", place)) > 0:
            place = end + 2
        elif pattern[place] == "]":
            return place + 1
        else:
            place += 1
    raise ConfigurationError(f"the pattern {pattern!r} has a bracket that is not closed.")
