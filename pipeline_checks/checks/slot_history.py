"""What became of a connector and its slot since the last run: re-created, put back, moved to another database.

Positions of a log are compared only within one database cluster. Nothing is said where no earlier run told of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline_checks.checks.slot_facts import Slot, lsn_of, slot_finding
from pipeline_checks.model.check import Evidence
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.position import LsnPosition, format_lsn
from pipeline_checks.model.previous import PreviousState


def history_findings(
    evidence: Evidence, slots: Sequence[Mapping[str, Any]], own: Sequence[Slot], previous: PreviousState
) -> Iterator[Finding]:
    """Yield what went back, or was made anew, since the last run.

    Parameters
    ----------
    slots:
        ``Facts("slots")`` of now.
    own:
        The slots that the connector reads.
    """
    before = {str(slot.get("name")): slot for slot in previous.facts.get("slots") or ()}
    now = {str(slot.get("name")): slot for slot in slots}
    for name in (slot.name for slot in own):
        if name in before:
            yield from _of_slot(evidence, name, before[name], now[name])


def offset_findings(evidence: Evidence, offset: Mapping[str, Any], previous: PreviousState) -> Iterator[Finding]:
    """Yield that the connector has committed less than in the last run: its offsets were reset."""
    earlier: Mapping[str, Any] = previous.facts.get("offset") or {}
    before, now = lsn_of(earlier.get("lsn")), lsn_of(offset.get("lsn"))
    if before is None or now is None or now >= before or offset.get("snapshot"):
        return
    message = f"the connector has committed {format_lsn(now)}, in the last run it was {format_lsn(before)}:"
    message += " its offsets went back, what lies between is sent again or was never there"
    yield slot_finding(
        evidence, "out_of_order", "offset_went_back", message, f">= {format_lsn(before)}", format_lsn(now)
    )


def is_other_cluster(slots: Sequence[Mapping[str, Any]], previous: PreviousState) -> bool:
    """Whether the slots are those of another database cluster than in the last run."""
    before = {s.get("system_identifier") for s in previous.facts.get("slots") or ()} - {None}
    now = {s.get("system_identifier") for s in slots} - {None}
    return bool(before and now and not before & now)


def has_reconnected(slots: Sequence[Mapping[str, Any]], own: Sequence[Slot], previous: PreviousState) -> bool | None:
    """Whether another process of the database serves the slot than in the last run; None where that is not known."""
    names = {slot.name for slot in own}
    before = {s.get("active_pid") for s in previous.facts.get("slots") or () if s.get("name") in names} - {None}
    now = {s.get("active_pid") for s in slots if s.get("name") in names} - {None}
    return before != now if before and now else None


def _of_slot(evidence: Evidence, name: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Finding]:
    was, is_ = before.get("system_identifier"), now.get("system_identifier")
    if was and is_ and was != is_:
        message = f"slot {name} stands in another database cluster than in the last run: nothing connects the two logs"
        yield slot_finding(evidence, "gap", "other_cluster", message, str(was), str(is_))
        return
    old, new = lsn_of(before.get("restart_lsn")), lsn_of(now.get("restart_lsn"))
    if old is not None and new is not None and new < old:
        message = f"slot {name} starts at {format_lsn(new)}, in the last run it started at {format_lsn(old)}:"
        message += " it was made anew or put back from a backup"
        yield slot_finding(evidence, "gap", "slot_recreated", message, f">= {format_lsn(old)}", format_lsn(new))
    elif _counts_anew(before, now):
        # Drops only with the slot itself, as long as the server runs and no one resets it.
        counts = [int(slot["total_txns"]) for slot in (before, now)]
        message = f"slot {name} has decoded {counts[1]:,} transactions, in the last run it were {counts[0]:,}:"
        message += " it was dropped and made anew, the changes made between are lost"
        place = lsn_of(before.get("confirmed_flush_lsn"))
        position = None if place is None else LsnPosition(place)
        yield slot_finding(evidence, "gap", "slot_recreated", message, f">= {counts[0]}", counts[1], position)


def _counts_anew(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    started = [slot.get("server_started") for slot in (before, now)]
    counts = [slot.get("total_txns") for slot in (before, now)]
    if None in started or None in counts or started[0] != started[1]:
        return False
    return int(counts[1]) < int(counts[0]) and before.get("stats_reset") == now.get("stats_reset")  # type: ignore[arg-type]
