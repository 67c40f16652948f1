"""The commits of a lake table: every one that changed data must say what it covers, and never less than before."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from pipeline_checks.model.check import Evidence
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.position import Position, VersionPosition


class CommitHistory:
    """The retained commits of a table, oldest first, as ``Facts("commits")`` lists them."""

    def __init__(
        self, evidence: Evidence, commits: Sequence[Mapping[str, Any]], acknowledged: Collection[int | str]
    ) -> None:
        self.commits = commits
        self._evidence = evidence
        self._acknowledged = {str(version) for version in acknowledged}

    def findings(self) -> tuple[Finding, ...]:
        """Return a finding a commit of another writer, and one a commit that covers less than one before it."""
        return (*self._foreign(), *self._going_back())

    def _foreign(self) -> Iterator[Finding]:
        for commit in self.commits:
            known = commit.get("covers") is not None or commit.get("maintenance") or not commit.get("changes_data")
            if known or str(commit.get("version")) in self._acknowledged:
                continue
            yield self._finding(
                commit,
                "unexpected",
                "foreign_writer",
                f"{self._named(commit)} changed data and does not say what it covers: another writer than the flow",
                expected="covers",
                seen=str(commit.get("operation") or "nothing"),
            )

    def _going_back(self) -> Iterator[Finding]:
        reached: dict[tuple[str, int], int] = {}
        for commit in self.commits:
            for topic, partitions in (commit.get("covers") or {}).items():
                for partition, offset in partitions.items():
                    place = (str(topic), int(partition))
                    before = reached.get(place, 0)
                    if int(offset) < before:
                        yield self._finding(
                            commit,
                            "out_of_order",
                            "covers_went_back",
                            f"{self._named(commit)} covers {topic} partition {partition} up to offset {offset},"
                            f" an earlier one up to {before}",
                            expected=before,
                            seen=int(offset),
                        )
                    reached[place] = max(before, int(offset))

    def _named(self, commit: Mapping[str, Any]) -> str:
        name = self._evidence.stage.name
        operation = f"{commit['operation']}, " if commit.get("operation") else ""
        return f"version {commit.get('version')} of {name} ({operation}{commit.get('timestamp')})"

    def _finding(
        self, commit: Mapping[str, Any], kind: Any, detail: str, message: str, expected: Any, seen: Any
    ) -> Finding:
        version = commit.get("version")
        return Finding(
            kind,
            self._evidence.stage.name,
            message,
            position=self._position(commit),
            detail=detail,
            expected=expected,
            seen=seen,
            extra={"commit": str(version), "operation": str(commit.get("operation") or "")},
        )

    def _position(self, commit: Mapping[str, Any]) -> Position | None:
        """Where the commit stands: as the stage says, else by its version, else where the table was looked at."""
        position, version = commit.get("position"), commit.get("version")
        if isinstance(position, Position):
            return position
        if isinstance(self._evidence.position, VersionPosition) and isinstance(version, int):
            return VersionPosition(version)
        return self._evidence.position
