"""What Kafka Connect tells of a Debezium connector."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.errors import TerminalError

if TYPE_CHECKING:
    from pipeline_checks.clients.connect import Connect

_SECRET = re.compile(r"password|passphrase|secret|token|credential|jaas|private|api[._-]?key", re.IGNORECASE)
_TRACE_CHARACTERS = 2000


@dataclass(frozen=True)
class Offset:
    """The committed offset of a connector.

    ``lsn`` is the last record handled, None before the first commit. ``in_snapshot`` says whether the initial snapshot
    is still being read.
    """

    lsn: int | None
    tx_id: int | None = None
    commit_time: datetime | None = None
    in_snapshot: bool = False

    def facts(self) -> dict[str, Any]:
        """Return ``{"lsn", "tx_id", "commit_time", "snapshot"}``."""
        return {
            "lsn": self.lsn,
            "tx_id": self.tx_id,
            "commit_time": None if self.commit_time is None else self.commit_time.isoformat(),
            "snapshot": self.in_snapshot,
        }


def parse_offset(offset: Mapping[str, Any]) -> Offset:
    """Return the offset that Debezium's Postgres connector commits."""
    lsn, tx_id, microseconds = offset.get("lsn"), offset.get("txId"), offset.get("ts_usec")
    ended = offset.get("last_snapshot_record") or offset.get("snapshot_completed")
    running = str(offset.get("snapshot") or "false").lower() not in ("false", "none") and not ended
    return Offset(
        lsn=None if lsn is None else int(lsn),
        tx_id=None if tx_id is None else int(tx_id),
        commit_time=None if microseconds is None else datetime.fromtimestamp(int(microseconds) / 1_000_000, UTC),
        in_snapshot=running,
    )


def read_offset(connect: Connect, name: str) -> Offset:
    """Return the newest committed offset; raises TerminalError when there is no connector of that name."""
    offsets = [parse_offset(entry["offset"]) for entry in connect.offsets(name) if entry.get("offset")]
    if not offsets:
        if connect.config(name) is None:
            raise _absent(name)
        return Offset(None)
    return max(offsets, key=lambda o: o.lsn or 0)


def connector_facts(connect: Connect, name: str, expected_tasks: int, expected: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``name``, ``state``, ``type``, ``tasks`` (id, state, trace), ``config`` without secrets, and what is
    expected of it: ``expected_tasks`` and ``expected_config``.

    A connector that was registered a moment ago has no status yet: no worker has been given it.
    """
    status, config = connect.status(name), connect.config(name)
    if config is None:
        raise _absent(name)
    status = status or {"connector": {"state": "UNASSIGNED"}}
    tasks = [
        {"id": t.get("id"), "state": t.get("state"), "trace": (t.get("trace") or "")[:_TRACE_CHARACTERS]}
        for t in status.get("tasks", ())
    ]
    return {
        "name": name,
        "state": status.get("connector", {}).get("state"),
        "type": status.get("type"),
        "tasks": tasks,
        "config": {k: "***" if _SECRET.search(k) else v for k, v in config.items()},
        "expected_tasks": expected_tasks,
        "expected_config": dict(expected),
    }


def _absent(name: str) -> TerminalError:
    return TerminalError(f"there is no connector {name}.", next_step="Register it: the flow's `prepare` does.")
