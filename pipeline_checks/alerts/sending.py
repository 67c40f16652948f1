"""Tells people what a run changed: decided once, written down, then sent; what is not taken is sent later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline_checks.alerts.channels.channel import Channel, Say
from pipeline_checks.alerts.channels.registry import channels_of
from pipeline_checks.alerts.deciding import decide
from pipeline_checks.alerts.delivery import Deliveries, deliver, hand_over
from pipeline_checks.alerts.masking import Mask, mask_of
from pipeline_checks.alerts.muting import is_muted
from pipeline_checks.alerts.notice import event_notice, notice_of
from pipeline_checks.alerts.outcome import Outcome
from pipeline_checks.model.alerting import AlertsDeclaration
from pipeline_checks.model.clock import now
from pipeline_checks.model.errors import PipelineChecksError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.verification.ledger.alert_book import AlertBook, Page
from pipeline_checks.verification.ledger.location import location, refuse_captured

PATIENCE_SECONDS = 10.0
"""For which a message that is not taken is tried again at once."""


@dataclass
class Sent:
    """What was told.

    Parameters
    ----------
    items:
        How many things were new: checks that went wrong or recovered, and alerts of other programs.
    delivered:
        Channel to how many messages it took.
    problems:
        What did not work, as sentences; nothing of it is lost while there is a ledger.
    """

    items: int = 0
    delivered: dict[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def send_alerts(
    pipeline: Pipeline,
    outcomes: Iterable[Outcome],
    say: Say,
    *,
    events: Sequence[Mapping[str, Any]] = (),
    patience: float = PATIENCE_SECONDS,
    at_once: bool = False,
) -> Sent:
    """Tell people what the outcomes of a run change, and what could not be told before.

    What is known already is not told again; a check that passes again is told as recovered. A problem of a channel or
    of the ledger never raises: it is said, told to the other channels, and stands in the answer.

    Parameters
    ----------
    outcomes:
        Of one run; see ``alerts.outcome``. Without any, only what waits is sent.
    say:
        Takes lines for the console channel, and problems.
    events:
        Alerts that another program raised, each told once: mappings with ``id``, ``kind``, ``message``, ``run_id``.
    patience:
        Seconds for which a message that is not taken is tried again at once.
    at_once:
        Send also what was refused before and has not to be sent again yet.
    """
    sender = _Sender(pipeline, say, patience, at_once)
    try:
        place = location()
        refuse_captured(place, pipeline.stages)
        book = AlertBook(place)
    except PipelineChecksError as problem:
        return sender.without_ledger(list(outcomes), events, problem)
    found = list(outcomes)
    try:
        try:
            items = sender.decided(book, found, events)
        except PipelineChecksError as problem:
            return sender.without_ledger(found, events, problem)
        return sender.sent(book, items)
    finally:
        book.close()


class _Sender:
    """One call of ``send_alerts``."""

    def __init__(self, pipeline: Pipeline, say: Say, patience: float, at_once: bool) -> None:
        self.pipeline = pipeline
        self.declared = pipeline.alerts or AlertsDeclaration()
        self.mask: Mask = mask_of(pipeline)
        self.say: Say = lambda line: say(self.mask.text(line))
        self.channels: dict[str, Channel] = channels_of(self.declared, self.say)
        self.patience = patience
        self.at_once = at_once

    def decided(self, book: AlertBook, outcomes: Sequence[Outcome], events: Sequence[Mapping[str, Any]] = ()) -> int:
        """Write down what is to be told, and return how many things it is."""
        if not outcomes and not events:
            return 0
        with book.deciding() as page:
            items = self._tell(page, outcomes, tuple(self.channels))
            for event in events:
                document = event_notice(self.pipeline.name, event, self.mask, now())
                items += page.add_notice(self.pipeline.name, self.channels, document, now(), str(event["id"]))
            if items:  # who has something new to tell tries with what waits, too
                page.make_due(self.pipeline.name, tuple(self.channels), now())
        return items

    def _tell(self, page: Page, outcomes: Sequence[Outcome], channels: Sequence[str]) -> int:
        name, at = self.pipeline.name, now()
        kept = page.mutes(at)
        decision = decide(
            page.alerts(name),
            outcomes,
            self.declared,
            lambda stage, check: is_muted(name, stage, check, at, self.declared.mute, kept),
            at,
        )
        page.save(decision.alerts, at)
        if decision.items:
            document = notice_of(name, decision.items, self.declared, self.mask, at)
            page.add_notice(name, channels, document, at, None)
        return len(decision.items)

    def sent(self, book: AlertBook, items: int) -> Sent:
        """Send what waits; that a channel does not take it is told to the other channels."""
        try:
            if self.at_once:
                with book.deciding() as page:
                    page.make_due(self.pipeline.name, tuple(self.channels), now())
            first = deliver(book, self.channels, [self.pipeline.name], self.patience)
            second = Deliveries()
            if self._tell_of_channels(book, first):
                second = deliver(book, self.channels, [self.pipeline.name], self.patience)
        except PipelineChecksError as problem:  # they stand in the ledger, and are sent when it can be read
            return self._told(items, {}, (f"alerts could not be sent: {problem}",))
        problems = {**first.problems, **second.problems}
        delivered = dict(first.delivered)
        for channel, number in second.delivered.items():
            delivered[channel] = delivered.get(channel, 0) + number
        kept = "; its messages are kept and sent again later"
        return self._told(items, delivered, tuple(f"{p.rstrip('.')}{kept}" for p in problems.values()))

    def _tell_of_channels(self, book: AlertBook, found: Deliveries) -> bool:
        """Decide whether that channels fail, or work again, is news; return whether there is something to send."""
        at, told = now(), False
        for name in self.channels:
            problem = found.problems.get(name)
            if problem is None and name not in found.delivered:
                continue
            outcome = Outcome(
                self.pipeline.name,
                "",
                f"alerts to {name}",
                Verdict.PASS if problem is None else Verdict.ERROR,
                problem or "messages are taken again",
                "",
                at,
            )
            others = [other for other in self.channels if other != name or problem is None]
            with book.deciding() as page:
                told |= self._tell(page, [outcome], others) > 0 and bool(others)
        return told

    def without_ledger(
        self, outcomes: Sequence[Outcome], events: Sequence[Mapping[str, Any]], problem: PipelineChecksError
    ) -> Sent:
        """Tell everything that is wrong at once: told twice is better than not at all."""
        told = f"the ledger cannot tell what was told before, so that it may be told twice: {problem}"
        at, name = now(), self.pipeline.name
        muted = lambda stage, check: is_muted(name, stage, check, at, self.declared.mute)  # noqa: E731
        decision = decide({}, outcomes, self.declared, muted, at)
        documents = [event_notice(name, e, self.mask, at) for e in events]
        if decision.items:
            documents.append(notice_of(name, decision.items, self.declared, self.mask, at))
        found = Deliveries()
        for channel in self.channels:
            for document in documents:
                try:
                    hand_over(self.channels, channel, document, self.patience)
                    found.took(channel)
                except PipelineChecksError as error:
                    found.problems[channel] = f"{str(error).rstrip('.')}; its message is lost"
        return self._told(len(documents), found.delivered, (told, *found.problems.values()))

    def _told(self, items: int, delivered: dict[str, int], problems: tuple[str, ...]) -> Sent:
        masked = tuple(self.mask.text(p) for p in problems)
        for problem in masked:
            self.say(f"WARN: {problem}")
        return Sent(items, delivered, masked)
