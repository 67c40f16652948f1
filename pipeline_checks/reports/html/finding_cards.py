"""Findings as the page shows them: the first ones written out, all of them packed for the page's own filter."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from itertools import zip_longest
from typing import Any, Final

from pipeline_checks.reports.html.journey import Halt, Journeys
from pipeline_checks.reports.html.words import LONGEST_SENTENCE, position_text, short, value_text
from pipeline_checks.reports.text import key_text, one_line

WRITTEN_OUT: Final = 60
"""Findings that can be read without a script."""
MOST_PACKED: Final = 1_200_000
"""Characters that the packed findings of a page may take: the page stays below 2 MB."""


@dataclass(frozen=True)
class HaltCard:
    """A stage on the way of a row, as text; ``state`` is ``right``, ``wrong``, ``first`` or ``unknown``."""

    stage: str
    state: str
    said: str
    position: str
    values: str


@dataclass(frozen=True)
class FindingCard:
    """A finding as text. The order of the fields is that in which the page's script reads them."""

    kind: str
    check: str
    judged: str
    stage: str
    verdict: str
    key: str
    position: str
    message: str
    expected: str
    seen: str
    way: tuple[HaltCard, ...]


def cards(checks: Sequence[Mapping[str, Any]], journeys: Journeys) -> list[FindingCard]:
    """Return the findings of the checks of a run, in their order."""
    return [_card(finding, check, journeys) for check in checks for finding in check["findings"]]


def _card(finding: Mapping[str, Any], check: Mapping[str, Any], journeys: Journeys) -> FindingCard:
    detail = finding.get("detail")
    return FindingCard(
        kind=f"{finding['kind']} ({short(detail, 60)})" if detail else finding["kind"],
        check=check["check"],
        judged=check["stage"],
        stage=one_line(finding["stage"]),
        verdict=check["verdict"],
        key=short(key_text(finding["key"])),
        position=position_text(finding["position"]),
        message=short(finding["message"], LONGEST_SENTENCE),
        expected=_of_interest(finding["expected"]),
        seen=_of_interest(finding["seen"]),
        way=tuple(_halt(halt) for halt in journeys.of(finding, check["stage"])),
    )


def _of_interest(value: Any) -> str:
    return "" if value is None else value_text(value)


def _halt(halt: Halt) -> HaltCard:
    return HaltCard(
        stage=one_line(halt.stage),
        state="first" if halt.is_first else halt.state,
        said=halt.said,
        position=position_text(halt.position),
        values="" if halt.values is None else value_text(halt.values),
    )


def packed(found: Sequence[FindingCard], most: int) -> tuple[str, int]:
    """Return findings as text for the page's script, and how many there are in it.

    The text takes ``most`` characters at most. Where that is not enough for all of them, each check keeps its first.
    """
    kept = list(found)
    while True:
        told = json.dumps([astuple(card) for card in kept], ensure_ascii=False, separators=(",", ":"))
        text = base64.b64encode(gzip.compress(told.encode("utf-8", "replace"), mtime=0)).decode("ascii")
        if len(text) <= most or not kept:
            return text, len(kept)
        kept = _fairly(found, int(len(kept) * most / len(text) * 0.95))


def _fairly(found: Sequence[FindingCard], number: int) -> list[FindingCard]:
    """The first findings of each check in turn, ``number`` together, in their order."""
    of_check: dict[tuple[str, str], list[int]] = {}
    for i, card in enumerate(found):
        of_check.setdefault((card.judged, card.check), []).append(i)
    in_turn = [i for turn in zip_longest(*of_check.values()) for i in turn if i is not None]
    return [found[i] for i in sorted(in_turn[:number])]
