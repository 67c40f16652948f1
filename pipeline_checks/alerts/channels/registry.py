"""The channels of a pipeline."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline_checks.alerts.channels.channel import Channel, Say
from pipeline_checks.alerts.channels.console import Console
from pipeline_checks.alerts.channels.slack import Slack
from pipeline_checks.alerts.channels.webhook import Webhook
from pipeline_checks.alerts.masking import CHANNEL_VARIABLES
from pipeline_checks.clients.settings import setting
from pipeline_checks.model import alerting
from pipeline_checks.model.alerting import AlertsDeclaration, ConsoleChannel, SlackChannel, WebhookChannel
from pipeline_checks.model.secret import EnvironmentVariable


def channels_of(declared: AlertsDeclaration, say: Say) -> dict[str, Channel]:
    """Return the channels by name: those that are declared, else those that the environment names and the console.

    Nothing is resolved: what is wrong with a setting is told when something is sent.
    """
    wanted = declared.channels or tuple(_of_environment())
    return {one.name: _channel(one, say) for one in wanted}


def _of_environment() -> Iterator[alerting.Channel]:
    webhook, slack = CHANNEL_VARIABLES
    yield ConsoleChannel()
    if setting(webhook, ""):
        yield WebhookChannel(kind="webhook", url=EnvironmentVariable(env=webhook))
    if setting(slack, ""):
        yield SlackChannel(kind="slack", url=EnvironmentVariable(env=slack))


def _channel(declared: alerting.Channel, say: Say) -> Channel:
    if isinstance(declared, WebhookChannel):
        return Webhook(declared)
    if isinstance(declared, SlackChannel):
        return Slack(declared)
    return Console(declared.name, say)
