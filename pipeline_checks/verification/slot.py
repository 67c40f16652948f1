"""Whether a replication slot has passed the cut, for topics whose connector cannot be asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.cut import Cut
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.measure import CoverageState
from pipeline_checks.model.position import LsnPosition, parse_lsn


def choose_slot(slots: Sequence[Mapping[str, Any]], name: str | None, stage: str) -> Mapping[str, Any]:
    """Return the slot of that name, or the only logical one; raises ConfigurationError when that does not tell."""
    logical = [s for s in slots if s.get("plugin")]
    found = [s for s in logical if name is None or s["name"] == name]
    if len(found) == 1:
        return found[0]
    names = ", ".join(str(s["name"]) for s in logical) or "none"
    raise ConfigurationError(
        f"which replication slot feeds {stage} is not known (logical slots there: {names})",
        next_step="Name it with `slot:` at the stage, or declare its connector as a stage, named with `connector:`.",
        stage=stage,
    )


def wait_for_slot(
    read_slots: Callable[[], Sequence[Mapping[str, Any]]],
    write_mark: Callable[[], int],
    cut: Cut,
    name: str | None,
    stage: str,
    deadline: Deadline,
) -> CoverageState:
    """Wait until the slot's ``confirmed_flush_lsn`` has passed the cut's mark.

    On a quiet log it stays short of the last record, so a second mark is written behind the first.
    """
    write_mark()
    seen: list[int] = [0]

    def passed() -> bool:
        confirmed = choose_slot(read_slots(), name, stage).get("confirmed_flush_lsn")
        seen[0] = parse_lsn(confirmed) if isinstance(confirmed, str) else int(confirmed or 0)
        return seen[0] >= cut.lsn

    if deadline.wait_until(passed):
        return CoverageState(True, 0.0, 1, deadline.elapsed)
    confirmed, wanted = LsnPosition(seen[0]).value(), LsnPosition(cut.lsn).value()
    reason = f"the replication slot has confirmed {confirmed}, the cut ends at {wanted}"
    return CoverageState(False, deadline.elapsed, 1, deadline.elapsed, reason)
