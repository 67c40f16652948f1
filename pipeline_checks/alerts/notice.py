"""A message as every channel gets it: one JSON document for all that a run changed."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from pipeline_checks.alerts.deciding import Item, What
from pipeline_checks.alerts.masking import Mask
from pipeline_checks.model.alerting import AlertsDeclaration
from pipeline_checks.model.verdict import Verdict, overall

NOTICE_VERSION: Final = 1
MOST_ITEMS: Final = 30
"""Checks that one message lists; it says how many more there are."""
LONGEST: Final = 500
"""Characters of a sentence."""
_FINDING_FIELDS: Final = ("kind", "stage", "key", "position", "message")


def notice_of(
    pipeline: str, items: Sequence[Item], declared: AlertsDeclaration, mask: Mask, at: datetime
) -> dict[str, Any]:
    """Return the document that tells of ``items``, the worst first, without secrets."""
    ordered = sorted(items, key=lambda i: (i.what is What.RECOVERED, i.outcome.verdict is not Verdict.FAIL))
    run_id = items[0].outcome.run_id
    wrong = [i for i in items if i.what is not What.RECOVERED]
    document: dict[str, Any] = {
        "schema_version": NOTICE_VERSION,
        "notice_id": uuid.uuid4().hex,
        "pipeline": pipeline,
        "run_id": run_id,
        "made_at": at.astimezone(UTC).isoformat(timespec="seconds"),
        "state": "firing" if wrong else "recovered",
        "verdict": str(overall(i.outcome.verdict for i in items)),
        "title": _title(pipeline, items),
        "items": [_item(i, declared.findings) for i in ordered[:MOST_ITEMS]],
        "items_total": len(items),
    }
    if declared.link is not None:
        document["link"] = declared.link.replace("{run_id}", run_id).replace("{pipeline}", pipeline)
    masked: dict[str, Any] = mask.value(document)
    return masked


def event_notice(pipeline: str, event: Mapping[str, Any], mask: Mask, at: datetime) -> dict[str, Any]:
    """Return the document that tells of an alert which another program raised; see ``StoredAlert``."""
    message = short(str(event["message"]))
    document = {
        "schema_version": NOTICE_VERSION,
        "notice_id": uuid.uuid4().hex,
        "pipeline": pipeline,
        "run_id": str(event["run_id"]),
        "made_at": at.astimezone(UTC).isoformat(timespec="seconds"),
        "state": "event",
        "verdict": "WARN",
        "title": f"{pipeline}: {event['kind']}",
        "items": [{"what": "raised", "stage": "", "check": str(event["kind"]), "verdict": "WARN", "message": message}],
        "items_total": 1,
        "event": dict(event),
    }
    masked: dict[str, Any] = mask.value(document)
    return masked


def _title(pipeline: str, items: Sequence[Item]) -> str:
    """Such as ``shop: 2 FAIL, 1 recovered``."""
    verdicts = Counter(i.outcome.verdict for i in items if i.what is not What.RECOVERED)
    parts = [
        f"{verdicts[v]} {v}" for v in (Verdict.FAIL, Verdict.ERROR, Verdict.UNSETTLED, Verdict.WARN) if verdicts[v]
    ]
    recovered = sum(i.what is What.RECOVERED for i in items)
    if recovered:
        parts.append(f"{recovered} recovered")
    return f"{pipeline}: {', '.join(parts)}"


def _item(item: Item, findings: int) -> dict[str, Any]:
    outcome = item.outcome
    told: dict[str, Any] = {
        "what": str(item.what),
        "stage": outcome.stage,
        "check": outcome.check,
        "verdict": str(outcome.verdict),
        "message": short(outcome.message),
        "since": item.since.astimezone(UTC).isoformat(timespec="seconds"),
    }
    if item.what is not What.RECOVERED:
        shown = outcome.findings[:findings]
        told["findings"] = [_finding(f) for f in shown]
        told["findings_total"] = outcome.findings_total
    return told


def _finding(finding: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: finding.get(name) for name in _FINDING_FIELDS}
    return {**told, "message": short(str(told["message"]))}


def short(text: str) -> str:
    """Return a sentence, cut off where it is longer than a message should be."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
