"""The rows of a file in their order, each once: in chunks, with a checkpoint behind each."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from itertools import islice

from pipeline_checks.clients.kafka_records import ends
from pipeline_checks.pipelines.churn.flow.checkpoint import Checkpoint
from pipeline_checks.pipelines.churn.flow.dataset import Customer
from pipeline_checks.pipelines.churn.flow.sending import Sender
from pipeline_checks.pipelines.churn.flow.sent_rows import rows_sent
from pipeline_checks.pipelines.churn.flow.stopping import Stop

_log = logging.getLogger(__name__)


class BatchSending:
    """Sends the rows of a file behind a checkpoint.

    ``found`` counts the rows that an earlier run had sent behind its last checkpoint.
    """

    def __init__(self, options: argparse.Namespace, sender: Sender, at: Checkpoint, stop: Stop) -> None:
        self._options = options
        self._sender = sender
        self._at = at
        self._stop = stop
        self.found = 0

    def run(self, rows: Iterator[tuple[int, Customer]]) -> bool:
        """Send the rows; return whether all that were sent have arrived.

        At the end of the file the checkpoint begins a new sending, or stays there, as the options say.
        """
        options = self._options
        there = rows_sent(options.broker, self._at) if options.correct and not options.dry_run else set()
        if there:
            _log.info("%d rows behind the checkpoint are in the topics already", len(there))
        left = options.count
        while left is None or left > 0:
            chunk = list(islice(rows, options.batch_size if left is None else min(left, options.batch_size)))
            if not chunk:
                self._end()
                return True
            if not self._send(chunk, there):
                return False
            left = None if left is None else left - len(chunk)
            if self._stop.asked:
                return True
        return True

    def _send(self, chunk: list[tuple[int, Customer]], there: set[int]) -> bool:
        sender, handled = self._sender, self._at.next_row
        for row, customer in chunk:
            if self._stop.asked or sender.sent.counts["failed"]:
                break
            if row in there:
                self.found += 1
            else:
                sender.send(row, customer)
            handled = row + 1
        arrived = sender.settle() and not sender.sent.counts["failed"]
        reached = handled if arrived else min(sender.sent.pending, default=handled)
        # Behind rows that are still on their way records of later rows may lie: the search has to begin before them.
        self._save(self._at.reached(reached, sender.sent.ends if arrived else None))
        return arrived

    def _end(self) -> None:
        if self._options.at_end == "stay":
            return
        if self._options.dry_run:
            return
        self._save(Checkpoint(offsets=ends(self._options.broker, list(self._at.offsets))))

    def _save(self, at: Checkpoint) -> None:
        self._at = at
        if not self._options.dry_run:
            at.save(self._options.checkpoint_file)
