"""Hands notices to channels: tried again while there is time, kept in the ledger while a channel does not take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from pipeline_checks.alerts.channels.channel import Channel
from pipeline_checks.model.clock import now
from pipeline_checks.model.errors import PipelineChecksError, TerminalError, TransientError
from pipeline_checks.verification.ledger.alert_book import AlertBook, Waiting

HELD: Final = timedelta(minutes=3)
"""How long a notice that is being sent is nobody else's; longer than any channel takes to answer."""
FIRST_PAUSE: Final = 30.0
LONGEST_PAUSE: Final = 3600.0
"""Seconds until a notice that was not taken is sent again: doubled each time, up to the longest."""


@dataclass
class Deliveries:
    """What became of notices.

    Parameters
    ----------
    delivered:
        How many each channel took.
    problems:
        Channel to why it did not take one.
    """

    delivered: dict[str, int] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    def took(self, channel: str) -> None:
        """Count a notice that a channel took."""
        self.delivered[channel] = self.delivered.get(channel, 0) + 1


def deliver(book: AlertBook, channels: Mapping[str, Channel], pipelines: Sequence[str], patience: float) -> Deliveries:
    """Send what is due.

    A channel that did not take one notice gets no other one before its time, so that they arrive in their order.

    Parameters
    ----------
    patience:
        Seconds for which a notice that was not taken is tried again at once.
    """
    found = Deliveries()
    again: dict[str, datetime] = {}
    for notice in book.claim(pipelines, now(), HELD):
        problem = found.problems.get(notice.channel)
        if problem is not None:
            book.refused(notice, problem, again[notice.channel])
            continue
        try:
            hand_over(channels, notice.channel, notice.document, patience)
        except PipelineChecksError as error:
            found.problems[notice.channel] = str(error)
            again[notice.channel] = _next(notice, error)
            book.refused(notice, str(error), again[notice.channel])
        else:
            found.took(notice.channel)
            book.delivered(notice, now())
    return found


def hand_over(channels: Mapping[str, Channel], name: str, document: Mapping[str, Any], patience: float) -> None:
    """Send one message, again while ``patience`` lasts and trying again may help; raises as ``Channel.send`` does."""
    import tenacity

    channel = channels.get(name)
    if channel is None:
        raise TerminalError(
            f"there is no channel {name!r} any more.", next_step="Declare it again, or let its messages expire."
        )
    attempts = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(TransientError),
        stop=tenacity.stop_before_delay(patience),
        wait=tenacity.wait_exponential(multiplier=0.25, max=5),
        reraise=True,
    )
    attempts(channel.send, document)


def _next(notice: Waiting, error: PipelineChecksError) -> datetime:
    pause = min(FIRST_PAUSE * 2**notice.attempts, LONGEST_PAUSE)
    return now() + timedelta(seconds=max(pause, float(error.data.get("retry_after", 0))))
