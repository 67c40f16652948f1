"""Sends the messages of one source in their order, each once, across crashes: in chunks, a checkpoint behind each."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Any, Final

from pipeline_checks.clients.kafka_records import ends, header, records_since
from pipeline_checks.model.errors import ConfigurationError, TerminalError, TransientError
from pipeline_checks.pipelines.sales.flow.sending import checkpoint as checkpoints
from pipeline_checks.pipelines.sales.flow.sending.checkpoint import Checkpoint
from pipeline_checks.pipelines.sales.flow.sending.messages import PRODUCER, RUN_ID, SOURCE_FILE, SOURCE_NUMBER, Outgoing
from pipeline_checks.pipelines.sales.flow.sending.sender import Destination, Sender

_log = logging.getLogger(__name__)
CHUNK: Final = 5000
"""Records between two checkpoints."""


@dataclass(frozen=True)
class Source:
    """What is sent: its name, the digest of its content, and its messages for a checkpoint."""

    name: str
    sha256: str
    messages: Callable[[Checkpoint], Iterator[Outgoing]]


@dataclass(frozen=True)
class Target:
    """Where it goes, and how."""

    bootstrap: str
    topic: str
    producer_id: str = PRODUCER
    patience: float = 120.0
    interval: float = 0.0
    """Seconds between two messages; 0 sends as fast as they are acknowledged."""


def send_once(
    source: Source, target: Target, file: Path, stop: threading.Event, run_id: str | None = None
) -> dict[str, Any]:
    """Send what the checkpoint in ``file`` says is left, and return what was done.

    Raises TransientError when messages were not acknowledged in time: calling again goes on.
    """
    begun = monotonic()
    at = _begin(source, target, file, run_id)
    there = _sent_behind(target, source, at)
    if there:
        _log.info("%d records behind the checkpoint are in the topic already", len(there))
    destination = Destination(
        target.bootstrap, target.topic, at.run_id, source.name, target.producer_id, target.patience
    )
    sender, found, last = Sender(destination, stop), 0, at.next_number - 1
    left = (m for m in source.messages(at) if m.number >= at.next_number)
    try:
        while not stop.is_set():
            chunk = list(islice(left, 1 if target.interval else CHUNK))
            if not chunk:
                break
            for message in chunk:
                if message.number in there:
                    found += 1
                else:
                    sender.send(message)
            last = chunk[-1].number
            arrived = sender.settle() and not sender.sent.failed
            reached = last + 1 if arrived else min(sender.sent.pending)
            # Behind records that are still on their way later ones may lie: the search has to begin before them.
            at = at.reached(reached, {target.topic: sender.sent.ends} if arrived else None)
            at.save(file)
            if not arrived:
                raise TransientError(
                    f"{len(sender.sent.pending)} records of {source.name} were not acknowledged by Kafka, the first is"
                    f" {reached}.",
                    next_step="See that the broker runs and call again: it goes on there.",
                )
            if target.interval:
                stop.wait(target.interval)
    finally:
        sender.close()
    seconds = monotonic() - begun
    return {
        "source_file": source.name,
        "run_id": at.run_id,
        "records": last,
        "sent": sender.sent.acknowledged,
        "found": found,
        "partitions": dict(sorted(sender.sent.by_partition.items())),
        "seconds": round(seconds, 3),
        "per_second": round(sender.sent.acknowledged / seconds, 1) if seconds else 0.0,
    }


def _begin(source: Source, target: Target, file: Path, run_id: str | None) -> Checkpoint:
    """Return where to go on; a new sending is written down before its first record, so that a kill leaves its trace."""
    at = checkpoints.load(file)
    if at is None:
        at = Checkpoint(source.sha256, run_id or uuid.uuid4().hex, offsets=ends(target.bootstrap, [target.topic]))
        at.save(file)
        return at
    if at.sha256 != source.sha256:
        raise TerminalError(
            f"{source.name} is not what it was when its first {at.next_number - 1} records were sent: its SHA-256"
            " differs.",
            next_step=f"Restore it, or remove {file} to send it anew under another run.",
        )
    if target.topic not in at.offsets or (run_id or at.run_id) != at.run_id:
        raise ConfigurationError(
            f"the checkpoint {file} is of another topic or run.", next_step="Name another one with --checkpoint."
        )
    return at


def _sent_behind(target: Target, source: Source, at: Checkpoint) -> set[int]:
    """Return the records from the checkpoint's on that the topic holds: a killed producer leaves such."""
    numbers = set()
    for message in records_since(target.bootstrap, at.offsets):
        if header(message, RUN_ID) == at.run_id and header(message, SOURCE_FILE) == source.name:
            number = header(message, SOURCE_NUMBER)
            if number.isdigit() and int(number) >= at.next_number:
                numbers.add(int(number))
    return numbers
