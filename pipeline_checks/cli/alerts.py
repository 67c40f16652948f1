"""``pipeline-checks alerts``: what people were told, what waits, and what nobody wants to hear for a while."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline_checks.cli import exits
from pipeline_checks.cli.options import SecondsType, json_option, project_option
from pipeline_checks.cli.output import progress, table, write_json

if TYPE_CHECKING:
    from pipeline_checks.verification.ledger.alert_book import AlertBook


@click.group(name="alerts")
def command() -> None:
    """Look at what people were told, try the channels, mute.

    \b
    Examples:
      pipeline-checks alerts list
      pipeline-checks alerts mute cdc 'delta_*' --for 2h --reason "table rewritten"
    """


@command.command(name="list")
@json_option
def list_alerts(json_file: str | None) -> None:
    """Show the alerts that are open, the messages that wait for a channel, and the mutes that hold."""
    from dataclasses import asdict

    from pipeline_checks.model.clock import now

    book = _book()
    try:
        opened, waiting, mutes = book.open_alerts(), book.waiting(), book.mutes(now())
    finally:
        book.close()
    if json_file is not None:
        document = {
            "schema_version": 1,
            "open": [asdict(a) for a in opened],
            "waiting": [asdict(w) for w in waiting],
            "mutes": [asdict(m) for m in mutes],
        }
        write_json(document, json_file)
    if json_file == "-":
        return
    rows = [
        (a.pipeline, a.stage or "-", a.check, a.verdict, f"{a.opened_at:%Y-%m-%d %H:%M}Z", "yes" if a.told_at else "no")
        for a in opened
    ]
    click.echo(table(("PIPELINE", "STAGE", "CHECK", "VERDICT", "SINCE", "TOLD"), rows) if rows else "no alert is open")
    for one in waiting:
        why = f": {one.problem}" if one.problem else ""
        click.echo(f"waits for {one.channel}: {one.document['title']}, tried {one.attempts} times{why}")
    for mute in mutes:
        what = f"{mute.pipeline}, {mute.stage}, {mute.check}"
        click.echo(f"muted until {mute.until:%Y-%m-%d %H:%M}Z: {what}{f' ({mute.reason})' if mute.reason else ''}")


@command.command(name="test")
@click.argument("pipelines", nargs=-1, metavar="[PIPELINE]...")
@project_option
def test_channels(pipelines: tuple[str, ...], project: Path | None) -> int:
    """Send a message to every channel of pipelines; exits 3 when one does not take it."""
    from pipeline_checks.alerts.trial import try_channels
    from pipeline_checks.cli.targets import resolve

    good = True
    for pipeline, _ in resolve(pipelines, project):
        for channel, problem in try_channels(pipeline, progress).items():
            good = good and problem is None
            click.echo(f"{pipeline.name}, {channel}: {problem or 'taken'}")
    return exits.PASSED if good else exits.NOT_PROVED


@command.command(name="send")
@click.argument("pipelines", nargs=-1, metavar="[PIPELINE]...")
@project_option
def send_waiting(pipelines: tuple[str, ...], project: Path | None) -> int:
    """Send what waits for channels; exits 3 when something still waits."""
    from pipeline_checks.alerts.sending import send_alerts
    from pipeline_checks.cli.targets import resolve

    found = [send_alerts(pipeline, (), progress, at_once=True) for pipeline, _ in resolve(pipelines, project)]
    click.echo(f"{sum(sum(s.delivered.values()) for s in found)} sent")
    return exits.NOT_PROVED if any(s.problems for s in found) else exits.PASSED


@command.command(name="mute")
@click.argument("pipeline")
@click.argument("stage", default="*")
@click.option("--check", default="*", show_default=True, help="The kind of check.")
@click.option("--for", "seconds", type=SecondsType(), required=True, help="How long, such as 2h.")
@click.option("--reason", default="", help="Why; others see it in `alerts list`.")
def mute(pipeline: str, stage: str, check: str, seconds: float, reason: str) -> None:
    """Tell nobody of a pipeline, or some stages of it, for a while; * and ? stand for any characters.

    What is still wrong when it ends is told with the next run.
    """
    from pipeline_checks.model.clock import now
    from pipeline_checks.model.errors import ConfigurationError
    from pipeline_checks.verification.ledger.alert_book import KeptMute

    if seconds <= 0:
        raise ConfigurationError("--for must be above zero.", next_step="Write a duration such as 2h.")
    at = now()
    kept = KeptMute(pipeline, stage, check, at, at + timedelta(seconds=seconds), reason)
    book = _book(create=True)
    try:
        book.mute(kept)
    finally:
        book.close()
    click.echo(f"{pipeline}, {stage}, {check}: muted until {kept.until:%Y-%m-%d %H:%M}Z")


@command.command(name="unmute")
@click.argument("pipeline")
@click.argument("stage", default="*")
def unmute(pipeline: str, stage: str) -> None:
    """End the mutes that were set for a pipeline, or for these stages of it."""
    from pipeline_checks.model.clock import now

    book = _book()
    try:
        at = now()
        ended = [m for m in book.mutes(at) if m.pipeline == pipeline and stage in ("*", m.stage)]
        book.unmute([m.mute_id for m in ended], at)
    finally:
        book.close()
    click.echo(f"{len(ended)} ended")


def _book(*, create: bool = False) -> AlertBook:
    from pipeline_checks.verification.ledger.alert_book import AlertBook
    from pipeline_checks.verification.ledger.location import location

    return AlertBook(location(), create=create)
