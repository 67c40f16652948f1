"""Stages of kind ``feed_ledger``: what a feed says that it has sent, entry by entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from pipeline_checks.clients.settings import resolve
from pipeline_checks.model.clock import now
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.position import EntriesPosition, InstantPosition, Position
from pipeline_checks.model.secret import Setting, SettingValue
from pipeline_checks.model.stage import Reached, StageDeclaration

if TYPE_CHECKING:
    import httpx

    from pipeline_checks.stages.feed_pinned import PinnedFeed

_NOT_THERE = (404, 405)


class FeedLedger(StageDeclaration):
    """The ledger of a feed at ``url``.

    ``GET <resource>`` answers ``{"position", "idle", ...}``, where ``position`` is the number of entries.
    ``GET <resource>/trades?start=N&limit=M`` answers a line of JSON for each entry, in order, with ``entry``,
    ``sent_at`` (microseconds since 1970 of the first send, null when it was never sent) and ``times_sent`` beside the
    fields of the frame; ``page_size`` entries are asked for at once. ``GET <resource>/bad_frames`` answers a line for
    each frame that was sent and is no entry: ``raw_base64``, ``reason``, ``sent_at``.

    ``fields`` names the field of the frame that a column holds, where they are called otherwise.

    A feed that keeps no ledger, such as a live one, answers 404: then nothing that needs one is proved.
    """

    kind: Literal["feed_ledger"] = "feed_ledger"
    url: Annotated[SettingValue, Setting]
    resource: str = "/ledger"
    fields: dict[str, str] = Field(default_factory=dict)
    page_size: int = Field(default=50_000, ge=1, le=1_000_000)

    @property
    def path(self) -> str:
        """The ledger's path."""
        return "/" + self.resource.strip("/")


class FeedReader:
    """Asks a ledger."""

    def __init__(self, declaration: FeedLedger) -> None:
        self.declaration = declaration
        self._session: httpx.Client | None = None
        self._told: dict[str, Any] | None = None

    def reached(self) -> Reached:
        """Return the number of entries; ``detail`` has the whole answer under ``ledger``, None where there is none."""
        document = self._told = self.summary()
        if document is None:
            return Reached(InstantPosition(now()), detail={"ledger": None})
        return Reached(EntriesPosition(int(document["position"])), detail={"ledger": document})

    def at(self, position: Position) -> PinnedFeed:
        """Return the ledger up to a number of entries."""
        from pipeline_checks.stages.feed_pinned import PinnedFeed

        if not isinstance(position, EntriesPosition | InstantPosition):
            raise TerminalError(f"{self.declaration.name} has entries, not a position of kind {position.kind!r}.")
        return PinnedFeed(self, position, self._told)

    def summary(self) -> dict[str, Any] | None:
        """Return what the feed says of its ledger; None when it keeps none."""
        from pipeline_checks.clients.http import get_json

        path = self.declaration.path
        try:
            document, _ = get_json(self.session(), path)
        except TerminalError as problem:
            if problem.data.get("status") in _NOT_THERE:
                return None
            raise
        position = document.get("position") if isinstance(document, dict) else None
        if not isinstance(position, int) or isinstance(position, bool) or not isinstance(document.get("idle"), bool):
            raise TerminalError(
                f"GET {path} answered no ledger: 'position' must be a whole number and 'idle' true or false.",
                next_step=f"See that the url of {self.declaration.name} is that of the feed's ledger.",
            )
        return dict(document)

    def session(self) -> httpx.Client:
        """Return the client."""
        if self._session is None:
            from pipeline_checks.clients.http import client

            self._session = client(resolve(self.declaration.url))
        return self._session

    def close(self) -> None:
        """Give back the connections."""
        if self._session is not None:
            self._session.close()
            self._session = None


def open_stage(declaration: FeedLedger) -> FeedReader:
    """Return the ledger as it can be asked."""
    return FeedReader(declaration)
