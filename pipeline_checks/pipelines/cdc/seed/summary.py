"""What was written to the source: rows of each table, operations, and how many rows each table must hold."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from pipeline_checks.clients.settings import home
from pipeline_checks.model.errors import ConfigurationError


@dataclass(frozen=True)
class SeedSummary:
    """What a seed wrote.

    ``rows`` are the rows written and ``counts`` those the table held afterwards, by table.
    """

    scenario: str
    seed: int
    rows: dict[str, int]
    counts: dict[str, int]
    seconds: float

    def expected_counts(self) -> dict[str, int]:
        """Return how many rows each captured table must hold."""
        return dict(self.counts)

    def to_json(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        return asdict(self)


@dataclass
class ChangeSummary:
    """What live changes did, counted as they were committed.

    ``operations`` maps a table to the number of its ``insert``, ``update``, ``delete`` and ``key_change``;
    ``transactions`` the kinds of transactions to their number; ``counts`` the rows each table must hold.
    """

    seed: int
    counts: dict[str, int]
    operations: dict[str, dict[str, int]] = field(default_factory=dict)
    transactions: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def note(self, table: str, operation: str, times: int = 1) -> None:
        """Count an operation."""
        done = self.operations.setdefault(table, {})
        done[operation] = done.get(operation, 0) + times
        self.counts[table] += {"insert": times, "delete": -times}.get(operation, 0)

    def expected_counts(self) -> dict[str, int]:
        """Return how many rows each captured table must hold when nobody else writes."""
        return dict(self.counts)

    def to_json(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        return asdict(self)


def summary_file() -> Path:
    """Return the file in which the newest summary stands."""
    return home() / "cdc-source.json"


def remember(summary: SeedSummary | ChangeSummary) -> None:
    """Write the summary down for ``expected_counts``."""
    summary_file().parent.mkdir(parents=True, exist_ok=True)
    summary_file().write_bytes(orjson.dumps(summary.to_json(), option=orjson.OPT_INDENT_2))


def expected_counts() -> dict[str, int]:
    """Return how many rows each captured table must hold by the newest summary of this home."""
    try:
        document = orjson.loads(summary_file().read_bytes())
    except FileNotFoundError:
        raise ConfigurationError(
            "nothing has been seeded yet", next_step="Run `pipeline-checks seed cdc` first."
        ) from None
    return {str(table): int(count) for table, count in document["counts"].items()}
