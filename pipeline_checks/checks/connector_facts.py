"""A connector and its tasks: what stands still, what deviates from the declared configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline_checks.model.check import Evidence
from pipeline_checks.model.finding import Finding, FindingKind

RUNNING = "RUNNING"
_TRACE_LENGTH = 300
_SECRET = re.compile(r"password|passphrase|secret|token|credential|jaas|private|api[._-]?key", re.IGNORECASE)
_MASKED = "***"
"""What a stage hands out instead of a secret."""
_PASSWORD_IN_URL = re.compile(r"([a-z0-9+.-]+://[^\s:/@]*):[^\s/@]+@", re.IGNORECASE)


def connector_findings(evidence: Evidence, connector: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what is wrong with a connector, as ``Facts("connector")`` tells.

    The state of the connector says nothing of its tasks: a failed task stands under a running connector.
    """
    name, state = connector.get("name"), connector.get("state")
    if state != RUNNING:
        yield _finding(evidence, "stalled", "connector_state", f"connector {name} is {state}", RUNNING, state)
    tasks = connector.get("tasks") or ()
    wanted = int(connector.get("expected_tasks") or 1)
    if len(tasks) < wanted:
        message = f"connector {name} has {len(tasks)} of {wanted} tasks"
        yield _finding(evidence, "stalled", "too_few_tasks", message, wanted, len(tasks))
    for task in tasks:
        if task.get("state") != RUNNING:
            trace = _head(task.get("trace"))
            message = f"task {task.get('id')} of connector {name} is {task.get('state')}{': ' if trace else ''}{trace}"
            yield _finding(evidence, "stalled", "task_state", message, RUNNING, task.get("state"))
    yield from _deviations(evidence, connector)


def _finding(evidence: Evidence, kind: FindingKind, detail: str, message: str, expected: Any, seen: Any) -> Finding:
    name = evidence.stage.name
    return Finding(kind, name, message, position=evidence.position, detail=detail, expected=expected, seen=seen)


def _deviations(evidence: Evidence, connector: Mapping[str, Any]) -> Iterator[Finding]:
    found: Mapping[str, Any] = connector.get("config") or {}
    for name, wanted in (connector.get("expected_config") or {}).items():
        seen = found.get(name)
        if _text(seen) == _text(wanted) or (_SECRET.search(name) and seen == _MASKED):
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
