"""What checks of loads share: findings about a file or a run, and what was looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline_checks.model.check import Evidence
from pipeline_checks.model.finding import Finding, FindingKind
from pipeline_checks.model.loading import Loads


def of_file(
    evidence: Evidence, kind: FindingKind, path: str, detail: str, message: str, expected: Any, seen: Any, **extra: Any
) -> Finding:
    """Return a finding about one file."""
    return _finding(evidence, kind, {"file": path}, detail, message, expected, seen, extra)


def of_run(
    evidence: Evidence, kind: FindingKind, run: str, detail: str, message: str, expected: Any, seen: Any, **extra: Any
) -> Finding:
    """Return a finding about one run."""
    return _finding(evidence, kind, {"run": run}, detail, message, expected, seen, extra)


def of_all(evidence: Evidence, kind: FindingKind, detail: str, message: str, expected: Any, seen: Any) -> Finding:
    """Return a finding that is about no single file or run."""
    return _finding(evidence, kind, None, detail, message, expected, seen, {})


def looked_at(loads: Loads, **more: int) -> dict[str, int]:
    """Return what was looked at. Without any run and file there is nothing to be proved."""
    return {"files": len(loads.files), "runs": len(loads.runs), **more}


def _finding(
    evidence: Evidence,
    kind: FindingKind,
    key: Mapping[str, Any] | None,
    detail: str,
    message: str,
    expected: Any,
    seen: Any,
    extra: Mapping[str, Any],
) -> Finding:
    return Finding(
        kind,
        evidence.stage.name,
        message,
        key=key,
        position=evidence.position,
        detail=detail,
        expected=expected,
        seen=seen,
        extra=extra,
    )
