"""Waiting until what had to be rejected stands in the dead letters: they are written behind what they are about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.kinds import LEDGER_KINDS, TOPIC_KINDS
from pipeline_checks.model.measure import Facts
from pipeline_checks.model.stage import PinnedStage, StageDeclaration
from pipeline_checks.stages.byte_records import VALUE
from pipeline_checks.verification.settled import Settled

PROMISE = "rejected"
SOURCE = ("source_topic", "source_partition", "source_offset")
"""Headers of a dead letter that name the record of a topic that it was."""


def are_letters(stage: StageDeclaration) -> bool:
    """Whether a topic promises to hold everything that was rejected."""
    return stage.kind in TOPIC_KINDS and stage.contract.promises.get(PROMISE) is not None


def settle_letters(upstream: Sequence[Settled], look: Callable[[], Settled], deadline: Deadline) -> Settled:
    """Look at dead letters until each rejected frame and each unreadable record has one, or the deadline has passed.

    What was rejected is what ledger and topic have shown when they were pinned; ``look`` pins the letters anew.
    """
    frames: Counter[bytes] = Counter()
    places: set[tuple[Any, ...]] = set()
    for above in upstream:
        if above.pinned is not None and above.declaration.kind in LEDGER_KINDS:
            frames.update(frame["raw"] for frame in _fact(above.pinned, "bad_frames"))
        elif above.pinned is not None and above.declaration.kind in TOPIC_KINDS:
            topic = getattr(above.declaration, "topic", "")
            places |= {(topic, m["partition"], m["offset"]) for m in _fact(above.pinned, "malformed")}
    last: list[Settled] = []

    def is_complete() -> bool:
        last[:] = [look()]
        pinned = last[0].pinned
        return pinned is None or not _lacks(pinned, frames, places)

    deadline.wait_until(is_complete)
    return last[0]


def _lacks(pinned: PinnedStage, frames: Counter[bytes], places: set[tuple[Any, ...]]) -> bool:
    if not frames and not places:
        return False
    rows: Any = pinned.rows([VALUE, *SOURCE])
    letters = rows.to_pylist()
    if frames - Counter(row[VALUE] for row in letters):
        return True
    return bool(places - {tuple(row[name] for name in SOURCE) for row in letters})


def _fact(pinned: PinnedStage, topic: str) -> Any:
    asked = Facts(topic)
    return pinned.answer(frozenset({asked}))[asked].value
