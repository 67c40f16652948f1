"""The replication slot and publication that a connector reads: what is lost, what no one declared."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline_checks.model.check import Evidence
from pipeline_checks.model.finding import Finding, FindingKind
from pipeline_checks.model.position import LsnPosition, Position, format_lsn, parse_lsn

_DEFAULT_SLOT = "debezium"
"""The name of Debezium's slot where its configuration names none."""


@dataclass(frozen=True)
class Slot:
    """One replication slot as ``Facts("slots")`` tells of it. ``own``: the connector reads it."""

    name: str
    own: bool
    active: bool
    wal_status: str | None
    confirmed: int | None
    retained_bytes: int | None
    database: str | None
    plugin: str | None
    invalidation: str | None = None
    safe_wal: int | None = None


def slot_finding(
    evidence: Evidence,
    kind: FindingKind,
    detail: str,
    message: str,
    expected: Any,
    seen: Any,
    position: Position | None = None,
) -> Finding:
    """Return a finding about what a connector reads, at the position of the stage where no other is given."""
    place = position or evidence.position
    return Finding(kind, evidence.stage.name, message, position=place, detail=detail, expected=expected, seen=seen)


def lsn_of(value: Any) -> int | None:
    """Return a position of the log, told as a number or as Postgres writes it; None where none is told."""
    if value is None or value == "":
        return None
    return parse_lsn(value) if isinstance(value, str) and "/" in value else int(value)


def slots_of(facts: Sequence[Mapping[str, Any]], connector: Mapping[str, Any]) -> tuple[Slot, ...]:
    """Return the slots; where no stage declares which is the connector's own, its configuration tells."""
    declared = any(slot.get("expected") for slot in facts)
    configured = (connector.get("config") or {}).get("slot.name", _DEFAULT_SLOT)
    return tuple(
        Slot(
            name=str(slot["name"]),
            own=bool(slot.get("expected")) if declared else slot["name"] == configured,
            active=bool(slot.get("active")),
            wal_status=slot.get("wal_status"),
            confirmed=lsn_of(slot.get("confirmed_flush_lsn")),
            retained_bytes=None if slot.get("retained_bytes") is None else int(slot["retained_bytes"]),
            database=slot.get("database"),
            plugin=slot.get("plugin"),
            invalidation=slot.get("invalidation_reason"),
            safe_wal=None if slot.get("safe_wal_size") is None else int(slot["safe_wal_size"]),
        )
        for slot in facts
    )


def slot_findings(
    evidence: Evidence, slots: Sequence[Slot], offset: Mapping[str, Any], allowed: Collection[str]
) -> Iterator[Finding]:
    """Yield what is wrong with the connector's slot, and slots beside it that are not among ``allowed``."""
    own = [slot for slot in slots if slot.own]
    if not own:
        message = "its replication slot is not there: the changes made since it went are lost"
        yield slot_finding(evidence, "missing", "slot", message, "a slot", [slot.name for slot in slots])
    for slot in own:
        yield from _state(evidence, slot, offset)
    for slot in slots:
        if not slot.own and slot.name not in allowed and _reads_the_same(slot, own):
            names = ", ".join(s.name for s in own) or "no slot of its own"
            message = f"slot {slot.name} reads the same database beside {names}: a second connector?"
            yield slot_finding(evidence, "unexpected", "second_slot", message, names, slot.name)


def publication_findings(evidence: Evidence, publications: Mapping[str, Sequence[str] | None]) -> Iterator[Finding]:
    """Yield the publications that are not there, and the captured tables (those upstream) that none of them has."""
    published: set[str] = set()
    for name, tables in publications.items():
        published |= set(tables or ())
        if tables is None:
            yield slot_finding(evidence, "missing", "publication", f"publication {name} is not there", name, None)
    if any(tables is None for tables in publications.values()):
        return
    for stage in evidence.upstream.values():
        table = getattr(stage, "table", None)
        if table is not None and table not in published:
            message = f"table {table} is not in publication {', '.join(publications)}: its changes are not captured"
            yield slot_finding(evidence, "missing", "publication_table", message, table, sorted(published))


def retained_bytes(slots: Sequence[Slot]) -> int | None:
    """Return how much log the connector's slot keeps back; None when it is not known."""
    return max((s.retained_bytes for s in slots if s.own and s.retained_bytes is not None), default=None)


def slot_doubts(slots: Sequence[Slot], retained_wal: int | None, safe_wal: int | None = None) -> Iterator[str]:
    """Yield what may soon become a loss: too much log kept back, too little that may still be written."""
    kept = retained_bytes(slots)
    if retained_wal is not None and kept is not None and kept > retained_wal:
        yield f"the slot keeps back {kept:,} bytes of log, {retained_wal:,} are allowed"
    for slot in slots:
        if slot.own and safe_wal is not None and slot.safe_wal is not None and slot.safe_wal < safe_wal:
            yield f"slot {slot.name} loses log after {max(0, slot.safe_wal):,} more bytes, {safe_wal:,} must be left"
        if slot.own and slot.wal_status == "unreserved":
            yield f"slot {slot.name} is about to lose its log (wal_status unreserved)"


def _state(evidence: Evidence, slot: Slot, offset: Mapping[str, Any]) -> Iterator[Finding]:
    if slot.wal_status == "lost" or slot.invalidation:
        reason = f" ({slot.invalidation})" if slot.invalidation else ""
        message = f"slot {slot.name} has lost log that it had not handed out{reason}: changes are missing"
        yield slot_finding(evidence, "gap", "slot_lost", message, "reserved", slot.invalidation or "lost")
    elif not slot.active:
        message = f"slot {slot.name} is not read by anyone"
        yield slot_finding(evidence, "stalled", "slot_inactive", message, "active", "inactive")
    committed = lsn_of(offset.get("lsn"))
    if slot.confirmed is None or committed is None or offset.get("snapshot") or slot.confirmed <= committed:
        return
    confirmed, known = format_lsn(slot.confirmed), format_lsn(committed)
    message = f"slot {slot.name} has confirmed {confirmed}, its connector has committed only {known}: "
    message += "what lies between will not be sent again"
    yield slot_finding(evidence, "gap", "slot_ahead", message, f"<= {known}", confirmed, LsnPosition(committed))


def _reads_the_same(slot: Slot, own: Sequence[Slot]) -> bool:
    """Whether a slot decodes the changes of the captured database in the connector's way."""
    if slot.plugin is None:
        return False  # a standby's slot
    plugins = {s.plugin for s in own} or {"pgoutput"}
    databases = {s.database for s in own}
    return slot.plugin in plugins and (not databases or slot.database in databases)
