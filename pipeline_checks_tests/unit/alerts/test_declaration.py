"""The field ``alerts`` of a pipeline: what is taken, and what is refused with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_checks.model.alerting import WRONG, AlertsDeclaration, SlackChannel, WebhookChannel
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.secret import EnvironmentVariable
from pipeline_checks.model.verdict import Verdict
from pipeline_checks_tests.unit.verification.yaml_pipeline import SHOP, load

FULL = """
  alerts:
    verdicts: [fail, warn]
    repeat: 4h
    findings: 0
    link: https://dagster.example/runs/{run_id}
    channels:
      - kind: console
      - {kind: webhook, url: {env: HOOK}, headers: {X-Team: data, Authorization: {env: HOOK_AUTH}}, secret: {env: KEY}}
      - {kind: slack, name: ops, url: {env: SLACK}}
    mute:
      - {stages: [lake], from: 22:00, to: 06:00, days: [sat], timezone: Europe/Berlin, until: 2026-12-01}
"""


def written(folder: Path, alerts: str) -> AlertsDeclaration | None:
    return load(folder, SHOP.replace("  name: shop\n", f"  name: shop\n{alerts.lstrip(chr(10))}")).alerts


def test_everything_that_can_be_written_is_read(tmp_path: Path) -> None:
    found = written(tmp_path, FULL)
    assert found is not None
    assert found.verdicts == (Verdict.FAIL, Verdict.WARN)
    assert found.repeat == 4 * 3600
    _, webhook, slack = found.channels
    assert isinstance(webhook, WebhookChannel)
    assert webhook.headers == {"X-Team": "data", "Authorization": EnvironmentVariable(env="HOOK_AUTH")}
    assert isinstance(slack, SlackChannel)
    assert (slack.name, slack.url) == ("ops", EnvironmentVariable(env="SLACK"))
    (mute,) = found.mute
    assert mute.start is not None
    assert mute.until is not None
    assert (mute.start.hour, mute.until.isoformat()) == (22, "2026-12-01T00:00:00+00:00")


def test_without_a_word_what_is_wrong_is_told(tmp_path: Path) -> None:
    assert load(tmp_path, SHOP).alerts is None
    assert AlertsDeclaration().verdicts == WRONG


@pytest.mark.parametrize(
    ("alerts", "told"),
    [
        ("channels: [{kind: slack, url: 'https://hooks.example/T0/B0/x'}]", "a literal secret is refused"),
        ("channels: [{kind: webhook, url: 'https://me:tiger@ops.example'}]", "a literal password is refused"),
        ("channels: [{kind: webhook, url: 'https://o', headers: {Authorization: abc}}]", "a literal secret is refused"),
        ("channels: [{kind: webhook, url: 'https://o', secret: abc}]", "a literal secret is refused"),
        ("channels: [{kind: pager, url: {env: X}}]", "pager"),
        ("channels: [{kind: console}, {kind: console}]", "channels of one name: console"),
        ("chanels: []", "alerts has no field 'chanels'"),
        ("verdicts: [pass]", "verdicts must name some of"),
        ("verdicts: []", "verdicts must name some of"),
        ("repeat: soon", "is not a duration"),
        ("mute: [{from: '22:00'}]", "needs both from and to"),
        ("mute: [{from: '25:00', to: '06:00'}]", "is not a time of day"),
        ("mute: [{timezone: Berlin}]", "there is no time zone 'Berlin'"),
        ("mute: [{days: [friday]}]", "'fri'"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, alerts: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as problem:
        written(tmp_path, f"\n  alerts:\n    {alerts}\n")
    assert told in str(problem.value)
    assert "defs.yaml:" in str(problem.value)
    assert "alerts" in str(problem.value)
    assert "tiger" not in str(problem.value)
