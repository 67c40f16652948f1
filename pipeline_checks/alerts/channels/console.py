"""The console: the message as lines of text, to a terminal or a log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline_checks.alerts.channels.channel import Say
from pipeline_checks.reports.text import key_text, one_line


@dataclass(frozen=True)
class Console:
    """Says a message line by line."""

    name: str
    say: Say

    def send(self, notice: Mapping[str, Any]) -> None:
        """Say the message."""
        for line in lines_of(notice):
            self.say(line)


def lines_of(notice: Mapping[str, Any]) -> Iterator[str]:
    """Return a message as lines of plain text."""
    yield one_line(f"ALERT {notice['title']} (run {notice['run_id']})")
    for item in notice["items"]:
        yield f"  {one_line(item_text(item))}"
        for finding in item.get("findings", ()):
            yield f"    {one_line(finding_text(finding))}"
        hidden = item.get("findings_total", 0) - len(item.get("findings", ()))
        if hidden > 0:
            yield f"    and {hidden:,} more findings" if item["findings"] else f"    {hidden:,} findings"
    more = notice["items_total"] - len(notice["items"])
    if more > 0:
        yield f"  and {more:,} more"
    if "link" in notice:
        yield f"  {one_line(notice['link'])}"


def place_text(item: Mapping[str, Any]) -> str:
    """Return which check an item is about."""
    return f"{item['stage']}, {item['check']}" if item["stage"] else str(item["check"])


def item_text(item: Mapping[str, Any]) -> str:
    """Return an item as a sentence: its verdict, or that it recovered."""
    word = {"recovered": "recovered", "repeated": f"still {item['verdict']}"}.get(item["what"], item["verdict"])
    return f"{word}  {place_text(item)}: {item['message']}"


def finding_text(finding: Mapping[str, Any]) -> str:
    """Return a finding as a sentence, with its key and the stage where it went wrong."""
    key = key_text(finding.get("key"))
    return f"{finding['kind']} at {finding['stage']}{f' ({key})' if key else ''}: {finding['message']}"
