"""What every channel can do, and how a request to one is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from pipeline_checks.clients.http import client, translated
from pipeline_checks.model.errors import TerminalError, TransientError

Say = Callable[[str], None]
"""Takes a line for people who read a terminal or a log."""
_LONGEST_WAIT: Final = timedelta(hours=1).total_seconds()


class Channel(Protocol):
    """Takes messages to people."""

    @property
    def name(self) -> str:
        """What the channel is called."""
        ...

    def send(self, notice: Mapping[str, Any]) -> None:
        """Hand over a message.

        Raises TransientError when it was not taken now, ``retry_after`` in its data when the other side said how many
        seconds to wait; TerminalError when it will not be taken as things are; ConfigurationError when a setting of
        the channel is wrong.
        """
        ...


def post(url: str, body: bytes, headers: Mapping[str, str], what: str) -> None:
    """Post a body and return when it was taken; raises as ``Channel.send`` does.

    ``what`` names the channel in errors: the URL may be a secret, so that only its host is told.
    """
    host = urlsplit(url).hostname or "nowhere"
    told = f"{what} at {host}"
    # A redirect would turn the request into one without a body, which is answered 200 by somebody who read nothing.
    with client(url) as session, translated(told):
        answer = session.post(url, content=body, headers=dict(headers), follow_redirects=False)
    if answer.is_success:
        return
    if answer.status_code in (408, 425, 429) or answer.status_code >= 500:
        raise TransientError(
            f"{told} answered {answer.status_code}.", status=answer.status_code, **_retry_after(answer.headers)
        )
    raise TerminalError(
        f"{told} answered {answer.status_code}.",
        next_step="See that its URL is right and still valid.",
        status=answer.status_code,
    )


def _retry_after(headers: Mapping[str, str]) -> dict[str, Any]:
    said = headers.get("Retry-After", "")
    return {"retry_after": min(float(said), _LONGEST_WAIT)} if said.isdigit() else {}
