"""Messages of the two topics: a line or an event with where it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pipeline_checks.pipelines.sales.flow.reading.records import Refusal, read
from pipeline_checks.pipelines.sales.flow.tables import HEADINGS

PRODUCER: Final = "sales-producer"
RUN_ID, SOURCE_FILE, SOURCE_NUMBER, PRODUCER_ID = "run_id", "source_file", "source_row_number", "producer_id"


@dataclass(frozen=True)
class Outgoing:
    """A message before it is sent; ``number`` is the record's, from 1."""

    number: int
    key: str | None
    body: Mapping[str, Any]


def of_lines(path: Path, encoding: str, run_id: str, producer_id: str = PRODUCER) -> Iterator[Outgoing]:
    """Yield the messages of the records of a CSV; those that cannot be read carry why, and their text."""
    source = {
        "source_system": "BATCH",
        PRODUCER_ID: producer_id,
        SOURCE_FILE: path.name,
        RUN_ID: run_id,
    }
    for one in read(path, encoding):
        about = {"event_timestamp": now(), **source, SOURCE_NUMBER: one.number}
        if isinstance(one, Refusal):
            why = {
                "rejection_reason": one.reason,
                "rejected_column": HEADINGS.get(one.column, one.column),
                "rejected_value": one.value,
                "raw_record": one.raw,
            }
            yield Outgoing(one.number, None, {**about, **why})
        else:
            yield Outgoing(one.number, one.values["order_id"], {**one.values, **about})


def now() -> str:
    """Return the instant in ISO 8601, UTC, with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
