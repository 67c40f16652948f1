"""Measures about dead letters: what could not be processed, why, and whether it was kept as it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline_checks.model.conservation import RecordPlace
from pipeline_checks.model.measure import Measure


@dataclass(frozen=True)
class DeadLetters(Measure):
    """The dead letters of a topic, set against the records that they were made of; value: ``DeadLetterSample``.

    ``original``, ``error_type`` and ``errors`` are the columns with the original message, the word for what went wrong
    and the list of errors (None where there is none).
    """

    original: str
    error_type: str
    errors: str | None = None


@dataclass(frozen=True)
class WrongLetter:
    """A dead letter that is not what it must be: ``what`` is the column, ``why`` a sentence."""

    letter: RecordPlace
    source: RecordPlace | None
    what: str
    why: str
    expected: Any = None
    seen: Any = None


@dataclass(frozen=True)
class DeadLetterSample:
    """Value of ``DeadLetters``.

    ``outputs`` counts all that was made of the inputs, dead letters among them; ``types`` the dead letters by error
    type. ``by_input`` has them by what their input is (``unreadable``, ``invalid``, ``valid``; by its schema) and error
    type: how many, and a sample of the letter with its input. ``wrong`` are those whose original or list of
    errors is not right. ``not_dead`` are inputs that are no message, or not a valid one, of which something else was
    made.
    """

    letters: int
    outputs: int
    types: Mapping[str, int] = field(default_factory=dict)
    by_input: Mapping[tuple[str, str], tuple[int, tuple[tuple[RecordPlace, RecordPlace], ...]]] = field(
        default_factory=dict
    )
    wrong_total: int = 0
    wrong: tuple[WrongLetter, ...] = ()
    not_dead_total: int = 0
    not_dead: tuple[tuple[RecordPlace, RecordPlace, str], ...] = ()
