"""Which rows of a file are in the topics already, whatever the checkpoint says: read from their ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline_checks.clients.kafka_records import header, records_since
from pipeline_checks.pipelines.churn.flow.checkpoint import Checkpoint
from pipeline_checks.pipelines.churn.flow.names import SOURCE_PASS, SOURCE_ROW

if TYPE_CHECKING:
    from confluent_kafka import Message


def rows_sent(bootstrap: str, checkpoint: Checkpoint) -> set[int]:
    """Return the rows from the checkpoint's on that the topics hold of this sending.

    A killed producer leaves such rows behind, and not only the first ones: partitions are written to independently.
    """
    records = records_since(bootstrap, checkpoint.offsets)
    return {row for message in records if (row := _row(message, checkpoint)) is not None}


def _row(message: Message, checkpoint: Checkpoint) -> int | None:
    if header(message, SOURCE_PASS) != checkpoint.source_pass:
        return None
    row = header(message, SOURCE_ROW)
    return int(row) if row.isdigit() and int(row) >= checkpoint.next_row else None
