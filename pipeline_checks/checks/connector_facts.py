"""A connector, its tasks and its replication slot: what stands still, what is lost, what deviates from the declared."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from pipeline_checks.model.check import Evidence
from pipeline_checks.model.finding import Finding, FindingKind
from pipeline_checks.model.position import LsnPosition, format_lsn, parse_lsn

RUNNING = "RUNNING"
_TRACE_LENGTH = 300
_SECRET = re.compile(r"password|passphrase|secret|token|credential|jaas|private|api[._-]?key", re.IGNORECASE)
_PASSWORD_IN_URL = re.compile(r"([a-z0-9+.-]+://[^\s:/@]*):[^\s/@]+@", re.IGNORECASE)

Slots = Sequence[Mapping[str, Any]]


def connector_findings(
    evidence: Evidence,
    connector: Mapping[str, Any],
    slots: Slots,
    offset: Mapping[str, Any],
    allowed_slots: Collection[str],
) -> Iterator[Finding]:
    """Yield what is wrong with a connector, as the facts of its stage tell."""
    yield from _standing_still(evidence, connector)
    yield from _slot_findings(evidence, slots, offset, allowed_slots)
    yield from _deviations(evidence, connector)


def retained_bytes(slots: Slots) -> int | None:
    """Return how much log the expected slots keep back; None when it is not known."""
    known = [int(s["retained_bytes"]) for s in slots if s.get("expected") and s.get("retained_bytes") is not None]
    return max(known, default=None)


def slot_doubts(slots: Slots, retained_wal: int | None) -> Iterator[str]:
    """Yield what may soon become a loss."""
    kept = retained_bytes(slots)
    if retained_wal is not None and kept is not None and kept > retained_wal:
        yield f"the slot keeps back {kept:,} bytes of log, {retained_wal:,} are allowed"
    for slot in slots:
        if slot.get("expected") and slot.get("wal_status") == "unreserved":
            yield f"slot {slot['name']} is about to lose its log (wal_status unreserved)"


def _finding(evidence: Evidence, kind: FindingKind, detail: str, message: str, expected: Any, seen: Any) -> Finding:
    name = evidence.stage.name
    return Finding(kind, name, message, position=evidence.position, detail=detail, expected=expected, seen=seen)


def _standing_still(evidence: Evidence, connector: Mapping[str, Any]) -> Iterator[Finding]:
    """The state of the connector says nothing of its tasks: a failed task stands under a running connector."""
    name, state = connector.get("name"), connector.get("state")
    if state != RUNNING:
        yield _finding(evidence, "stalled", "connector_state", f"connector {name} is {state}", RUNNING, state)
    tasks = connector.get("tasks") or ()
    if not tasks:
        yield _finding(evidence, "stalled", "no_task", f"connector {name} has no task", "at least 1 task", 0)
    for task in tasks:
        if task.get("state") != RUNNING:
            trace = _head(task.get("trace"))
            message = f"task {task.get('id')} of connector {name} is {task.get('state')}{': ' if trace else ''}{trace}"
            yield _finding(evidence, "stalled", "task_state", message, RUNNING, task.get("state"))


def _slot_findings(
    evidence: Evidence, slots: Slots, offset: Mapping[str, Any], allowed: Collection[str]
) -> Iterator[Finding]:
    expected = [s for s in slots if s.get("expected")]
    if not expected:
        message = "its replication slot is not there: the changes made since it went are lost"
        yield _finding(evidence, "missing", "slot", message, "a slot", [str(s["name"]) for s in slots])
    for slot in expected:
        yield from _slot_state(evidence, slot, offset)
    for slot in slots:
        if not slot.get("expected") and slot["name"] not in allowed and _reads_the_same(slot, expected):
            own = ", ".join(str(s["name"]) for s in expected) or "no slot of its own"
            message = f"slot {slot['name']} reads the same database beside {own}: a second connector?"
            yield _finding(evidence, "unexpected", "second_slot", message, own, str(slot["name"]))


def _slot_state(evidence: Evidence, slot: Mapping[str, Any], offset: Mapping[str, Any]) -> Iterator[Finding]:
    name = slot["name"]
    if slot.get("wal_status") == "lost":
        message = f"slot {name} has lost log that it had not handed out: changes are missing"
        yield _finding(evidence, "gap", "slot_lost", message, "reserved", "lost")
    elif not slot.get("active"):
        message = f"slot {name} is not read by anyone"
        yield _finding(evidence, "stalled", "slot_inactive", message, "active", "inactive")
    confirmed, committed = _lsn(slot.get("confirmed_flush_lsn")), _lsn(offset.get("lsn"))
    if confirmed is not None and committed is not None and not offset.get("snapshot") and confirmed > committed:
        message = (
            f"slot {name} has confirmed {format_lsn(confirmed)}, its connector has committed only"
            f" {format_lsn(committed)}: what lies between will not be sent again"
        )
        yield Finding(
            "gap",
            evidence.stage.name,
            message,
            position=LsnPosition(committed),
            detail="slot_ahead",
            expected=f"<= {format_lsn(committed)}",
            seen=format_lsn(confirmed),
        )


def _reads_the_same(slot: Mapping[str, Any], expected: Slots) -> bool:
    """Whether a slot decodes the changes of the captured database in the connector's way."""
    if not slot.get("plugin"):
        return False  # a standby's slot
    plugins = {s.get("plugin") for s in expected} or {"pgoutput"}
    databases = {s.get("database") for s in expected}
    return slot["plugin"] in plugins and (not databases or slot.get("database") in databases)


def _deviations(evidence: Evidence, connector: Mapping[str, Any]) -> Iterator[Finding]:
    found: Mapping[str, Any] = connector.get("config") or {}
    for name, wanted in (connector.get("expected_config") or {}).items():
        seen = found.get(name)
        if _text(seen) == _text(wanted):
            continue
        shown = [_shown(name, value) for value in (wanted, seen)]
        message = f"{name} of connector {connector.get('name')} is {shown[1]}, declared is {shown[0]}"
        yield _finding(evidence, "unexpected", f"config:{name}", message, *shown)


def _text(value: Any) -> str | None:
    """A setting as Connect keeps it: all are texts."""
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shown(name: str, value: Any) -> str:
    if value is None:
        return "not set"
    return "(not shown)" if _SECRET.search(name) else _without_password(str(_text(value)))


def _without_password(text: str) -> str:
    return _PASSWORD_IN_URL.sub(r"\1:***@", text)


def _head(trace: Any) -> str:
    """The first line of a trace, and its root cause when the trace tells one."""
    lines = [line.strip() for line in str(trace or "").splitlines() if line.strip()]
    if not lines:
        return ""
    causes = [line for line in lines if line.startswith("Caused by:")]
    head = lines[0] if not causes else f"{lines[0]} {causes[-1]}"
    return _without_password(head[:_TRACE_LENGTH])


def _lsn(value: Any) -> int | None:
    if value is None or value == "":
        return None
    return parse_lsn(value) if isinstance(value, str) and "/" in value else int(value)
