"""Puts files into the landing bucket and has the service load them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

from pipeline_checks.clients.object_store import ObjectStore
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import monotonic
from pipeline_checks.model.errors import ConfigurationError, TerminalError
from pipeline_checks.pipelines.ingestion.flow.payload import batch_key, record
from pipeline_checks.pipelines.ingestion.service_client import PREFIX, IngestionClient

FILES: Final = 3
"""Into so many files the rows of a seed are split."""
CHANGED_FILES, CHANGED_ROWS = 2, 50
"""Files that a change adds, which have two fields more, and records of each."""
_USUAL_SEED: Final = 42
_APART: Final = 10_000_000
"""How far the numbers of the records of two seeds are apart."""

Progress = Callable[[str, int], None]


@dataclass(frozen=True)
class FilesSummary:
    """What was written and loaded: ``files`` and ``records`` now, ``count`` records altogether."""

    seed: int
    files: int
    records: int
    count: int
    seconds: float

    def expected_counts(self) -> dict[str, int]:
        """Return how many records the table must hold."""
        return {"events": self.count}

    def to_json(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        return asdict(self)


def is_empty() -> bool:
    """Whether the source holds no files."""
    return not present()


def seed(rows: int, seed: int, scenario: str = "default", progress: Progress | None = None) -> FilesSummary:
    """Put files with ``rows`` records altogether into the bucket and have them loaded; equal seeds give equal ones."""
    if scenario != "default":
        raise ConfigurationError(f"there is no seed {scenario!r}.", next_step="There is one: default.")
    each = -(-rows // FILES)
    return _add([min(each, rows - i * each) for i in range(FILES)], seed, progress, evolved=False)


def change(seed: int, *, progress: Progress | None = None) -> FilesSummary:
    """Add two files whose records have a region and nested metadata as well, and have them loaded."""
    return _add([CHANGED_ROWS] * CHANGED_FILES, seed, progress, evolved=True)


def lines(numbers: Iterable[int], *, evolved: bool = False) -> bytes:
    """Return the content of a file with the records of these numbers."""
    return "\n".join(json.dumps(record(number, evolved=evolved)) for number in numbers).encode()


def present() -> dict[str, bytes]:
    """Return the files of the source by their keys."""
    store, bucket = ObjectStore(), setting("INGESTION_SOURCE_BUCKET")
    try:
        keys = [o.key for o in store.list(bucket, PREFIX) if o.key.endswith(".json")]
        return {key: store.read(bucket, key) for key in keys}
    finally:
        store.close()


def _add(sizes: list[int], seed: int, progress: Progress | None, *, evolved: bool) -> FilesSummary:
    begun, store = monotonic(), ObjectStore()
    bucket = setting("INGESTION_SOURCE_BUCKET")
    there = {key: _count(content) for key, content in present().items()}
    first = (0 if seed == _USUAL_SEED else seed * _APART) + sum(there.values())
    try:
        number = first
        for file, size in enumerate((s for s in sizes if s > 0), len(there)):
            content = lines(range(number, number + size), evolved=evolved)
            store.write(bucket, batch_key(file, PREFIX), content)
            number += size
    finally:
        store.close()
    with IngestionClient() as service:
        run = service.run()
    if run["status"] != "success":
        raise TerminalError(f"the run {run['id']} ended as {run['status']}: {run['errors']}.")
    if progress is not None:
        progress("records", number - first)
    count = number - first + sum(there.values())
    return FilesSummary(seed, len(sizes), number - first, count, monotonic() - begun)


def _count(content: bytes) -> int:
    return sum(1 for line in content.split(b"\n") if line.strip())
