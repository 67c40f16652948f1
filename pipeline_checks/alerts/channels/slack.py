"""Slack: the message as blocks for an incoming webhook."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pipeline_checks.alerts.channels.channel import post
from pipeline_checks.alerts.channels.console import finding_text, place_text
from pipeline_checks.clients.settings import resolve
from pipeline_checks.model.alerting import SlackChannel
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.reports.verdict_signs import SIGNS

LONGEST_SECTION: Final = 3000
LONGEST_HEADER: Final = 150
MOST_BLOCKS: Final = 50
"""What Slack refuses more of."""
_UNMARKED: Final = {
    ord("*"): "\N{ASTERISK OPERATOR}",
    ord("`"): "\N{MODIFIER LETTER REVERSED COMMA}",
    ord("~"): "\N{TILDE OPERATOR}",
}
"""Slack has no way to write a mark of its markup that is none."""


@dataclass(frozen=True)
class Slack:
    """Posts each message to an incoming webhook."""

    declared: SlackChannel

    @property
    def name(self) -> str:
        """What the channel is called."""
        return self.declared.name

    def send(self, notice: Mapping[str, Any]) -> None:
        """Post the message."""
        body = json.dumps(payload(notice), ensure_ascii=False).encode("utf-8", "replace")
        headers = {"Content-Type": "application/json; charset=utf-8"}
        post(resolve(self.declared.url), body, headers, f"the Slack channel {self.name!r}")


def payload(notice: Mapping[str, Any]) -> dict[str, Any]:
    """Return what Slack is sent: a text for notifications, and blocks for the channel."""
    sign = "✅" if notice["state"] == "recovered" else SIGNS[Verdict(notice["verdict"])]
    title = f"{sign} {notice['title']}"
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": _cut(title, LONGEST_HEADER), "emoji": True}}
    ]
    room = MOST_BLOCKS - 3  # the header, what is left out, and the foot
    shown = list(notice["items"])[:room]
    blocks += [_section("\n".join(_lines(item))) for item in shown]
    hidden = notice["items_total"] - len(shown)
    if hidden > 0:
        blocks.append(_section(f"and {hidden:,} more"))
    foot = f"run {escape(notice['run_id'])}, {escape(notice['made_at'])}"
    if "link" in notice:
        foot += f", <{_link(notice['link'])}|look>"
    blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": _cut(foot, LONGEST_SECTION)}]})
    return {"text": escape(title), "blocks": blocks}


def escape(text: Any) -> str:
    """Return text in which Slack sees no mention, link or entity, and no markup.

    >>> escape("<!channel> & co")
    '&lt;!channel&gt; &amp; co'
    """
    plain = str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return plain.translate(_UNMARKED)


def _lines(item: Mapping[str, Any]) -> Iterator[str]:
    recovered = item["what"] == "recovered"
    sign = "✅" if recovered else SIGNS[Verdict(item["verdict"])]
    word = "recovered" if recovered else item["verdict"]
    still = "still " if item["what"] == "repeated" else ""
    yield f"{sign} *{still}{word}* {escape(place_text(item))}: {escape(item['message'])}"
    for finding in item.get("findings", ()):
        yield f"• {escape(finding_text(finding))}"
    hidden = item.get("findings_total", 0) - len(item.get("findings", ()))
    if hidden > 0:
        yield f"• {hidden:,} more findings" if item["findings"] else f"• {hidden:,} findings"


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": _cut(text, LONGEST_SECTION), "verbatim": True}}


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _link(url: str) -> str:
    return url.replace("<", "%3C").replace(">", "%3E").replace("|", "%7C").replace("&", "&amp;")
