"""What the checks must say of a damage: the exact findings, and the verdicts where these do not follow from them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline_checks.model.finding import Finding, FindingKind
from pipeline_checks.model.result import CheckResult

GOOD = frozenset({"PASS", "WARN"})
RANGE = "range"
"""The detail of a finding about all keys of a stretch of a partition."""
ANY_CHECK = "*"
"""Stands for every check of a stage."""


@dataclass(frozen=True)
class ExpectedFinding:
    """One finding: the stage and check that report it, the stage that is blamed, what it is, and of which key.

    ``key`` is the key as JSON text with sorted names, None where the finding is not about one row. Of a finding that
    tells a stretch of a partition it is the topic, the partition, the first and last offset and the number of keys.
    """

    seen_at: str
    check: str
    kind: str
    blamed: str
    detail: str | None = None
    key: str | None = None

    @classmethod
    def of(cls, result: CheckResult, finding: Finding) -> ExpectedFinding:
        """Return what a finding would have to be expected as."""
        key = finding.key
        if finding.detail == RANGE:
            key = {**finding.extra.get("events", {}), "keys": finding.extra.get("keys_total")}
        return cls(result.stage, result.check, finding.kind, finding.stage, finding.detail, key_text(key))

    def __str__(self) -> str:
        detail = f"/{self.detail}" if self.detail else ""
        blamed = "" if self.blamed == self.seen_at else f", blamed on {self.blamed}"
        return f"{self.seen_at}.{self.check}: {self.kind}{detail} {self.key or ''}".rstrip() + blamed


@dataclass(frozen=True)
class Expectation:
    """What must be said about the stages of a scenario.

    ``verdicts`` allows verdicts by (stage, check), and with ``ANY_CHECK`` for all checks of the stage without findings.
    Elsewhere a check with findings must FAIL and one without must PASS or WARN.
    """

    findings: tuple[ExpectedFinding, ...] = ()
    verdicts: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)

    def and_also(self, other: Expectation) -> Expectation:
        """Return what must be said when both damages are there."""
        return Expectation((*self.findings, *other.findings), {**self.verdicts, **other.verdicts})

    def allowed(self, stage: str, check: str) -> frozenset[str]:
        """Return the verdicts that the check may give."""
        if (stage, check) in self.verdicts:
            return self.verdicts[stage, check]
        if any(f.seen_at == stage and f.check == check for f in self.findings):
            return frozenset({"FAIL"})
        return self.verdicts.get((stage, ANY_CHECK), GOOD)


def finding(
    seen_at: str,
    check: str,
    kind: FindingKind,
    *,
    blamed: str | None = None,
    detail: str | None = None,
    key: Mapping[str, Any] | None = None,
) -> ExpectedFinding:
    """Return an expected finding, blamed on the stage that reports it when nothing else is said."""
    return ExpectedFinding(seen_at, check, kind, blamed or seen_at, detail, key_text(key))


def key_text(key: Mapping[str, Any] | None) -> str | None:
    """Return a key as text that is equal for equal keys.

    >>> key_text({"b": 1, "a": "x"})
    '{"a": "x", "b": 1}'
    """
    return None if key is None else json.dumps(dict(key), sort_keys=True)


@dataclass(frozen=True)
class Difference:
    """One difference between what is expected and what was said, as a sentence, and the stages that it is about."""

    text: str
    seen_at: str
    blamed: str


def differences(expected: Expectation, checks: Iterable[CheckResult]) -> Iterator[Difference]:
    """Yield each difference between what is expected and what the checks say.

    A finding that comes twice is one too many. Findings that a check counts and does not list are differences too,
    unless it lists a range that tells them together.
    """
    judged = list(checks)
    seen = Counter(ExpectedFinding.of(c, f) for c in judged for f in c.judgement.findings)
    wanted = Counter(expected.findings)
    for words, found in (("not found", wanted - seen), ("found and not expected", seen - wanted)):
        for one, number in sorted(found.items(), key=lambda item: str(item[0])):
            yield Difference(f"{words}{_times(number)}: {one}", one.seen_at, one.blamed)
    for check in judged:
        allowed = expected.allowed(check.stage, check.check)
        if str(check.verdict) not in allowed:
            wrong = f"is {check.verdict}, not {' or '.join(sorted(allowed))}: {check.judgement.message[:300]}"
            yield Difference(f"{check.stage}.{check.check} {wrong}", check.stage, check.stage)
        told = sum(int(f.extra.get("keys_total", 1)) for f in check.judgement.findings)
        if check.judgement.total > told:
            wrong = f"counts {check.judgement.total} findings and tells {told}"
            yield Difference(f"{check.stage}.{check.check} {wrong}", check.stage, check.stage)


def _times(number: int) -> str:
    return f" ({number} times)" if number > 1 else ""
