"""Faults that the consumer can be told to have, so that its ways of failing can be tried out.

``--fault WORD`` lets every message fail that way, ``--fault WORD=ID,ID`` those of these customers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

MODEL_RAISES: Final = "model-raises"
OUTPUT_BREAKS: Final = "output-breaks-schema"
UNFORESEEN: Final = "unforeseen-exception"
BLANK_TOTAL_RAISES: Final = "blank-total-raises"
"""A blank TotalCharges reaches the model as text, on which it fails."""
WORDS: Final = (MODEL_RAISES, OUTPUT_BREAKS, UNFORESEEN, BLANK_TOTAL_RAISES)


class InjectedFault(Exception):
    """The fault that was asked for."""


@dataclass(frozen=True)
class FaultSwitches:
    """Which faults are on, and for whom; an empty set of ids stands for everyone."""

    on: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def parse(cls, words: Iterable[str]) -> FaultSwitches:
        """Return the switches; raises ValueError naming the words there are when one is unknown.

        >>> FaultSwitches.parse(["model-raises=0001-AAAAA"]).hits("model-raises", {"customerID": "0001-AAAAA"})
        True
        """
        on = {}
        for text in words:
            word, _, ids = text.partition("=")
            if word not in WORDS:
                raise ValueError(f"there is no fault {word!r}; there are {', '.join(WORDS)}")
            on[word] = frozenset(filter(None, ids.split(",")))
        return cls(on)

    def hits(self, word: str, message: Mapping[str, Any]) -> bool:
        """Whether the message is to fail that way."""
        ids = self.on.get(word)
        return ids is not None and (not ids or message.get("customerID") in ids)
