"""What channels are sent: bounded, escaped, signed, and without a secret."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline_checks.alerts.channels.channel import Channel
from pipeline_checks.alerts.channels.console import Console
from pipeline_checks.alerts.channels.registry import channels_of
from pipeline_checks.alerts.channels.slack import LONGEST_SECTION, MOST_BLOCKS, payload
from pipeline_checks.alerts.deciding import Item, What
from pipeline_checks.alerts.masking import CHANNEL_VARIABLES, Mask, mask_of
from pipeline_checks.alerts.notice import MOST_ITEMS, notice_of
from pipeline_checks.model.alerting import AlertsDeclaration
from pipeline_checks.model.errors import ConfigurationError, PipelineChecksError, TerminalError, TransientError
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.stages.registry import declaration_class
from pipeline_checks_tests.receiver import Receiver, receiving
from pipeline_checks_tests.unit.alerts.outcomes import at, outcome

FAIL, PASS = Verdict.FAIL, Verdict.PASS


def notice(*items: Item, mask: Mask | None = None, **declared: Any) -> dict[str, Any]:
    return notice_of("shop", items, AlertsDeclaration.model_validate(declared), mask or Mask(), at(1))


def item(verdict: Verdict = FAIL, *kinds: str, what: What = What.OPENED, **fields: Any) -> Item:
    return Item(what, outcome(verdict, 0, *kinds, **fields), at(0))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def channel(monkeypatch: pytest.MonkeyPatch, url: str, **declared: Any) -> Channel:
    monkeypatch.setenv("HOOK", url)
    known = {"url": {"env": "HOOK"}, "name": "ops", **declared}
    return channels_of(AlertsDeclaration.model_validate({"channels": [known]}), print)["ops"]


def test_a_notice_tells_the_worst_first_and_what_recovered_last() -> None:
    found = notice(
        item(PASS, what=What.RECOVERED, check="schema"),
        item(Verdict.ERROR, check="lag"),
        item(FAIL, "missing"),
        link="https://ui/{pipeline}/{run_id}",
    )
    assert (found["title"], found["state"], found["verdict"]) == (
        "shop: 1 FAIL, 1 ERROR, 1 recovered",
        "firing",
        "FAIL",
    )
    assert [(i["check"], i["what"]) for i in found["items"]] == [
        ("counts", "opened"),
        ("lag", "opened"),
        ("schema", "recovered"),
    ]
    assert found["link"] == "https://ui/shop/run-0"
    assert found["items"][0]["findings"][0]["key"] == {"id": 4}


def test_findings_hold_data_and_can_be_left_out() -> None:
    (told,) = notice(item(FAIL, "missing", "changed"), findings=0)["items"]
    assert (told["findings"], told["findings_total"]) == ([], 2)


def test_a_message_is_bounded_and_says_what_it_leaves_out() -> None:
    long = [item(FAIL, *["missing"] * 20, check=f"c{n}", message="x" * 10_000) for n in range(100)]
    found = notice(*long)
    assert (len(found["items"]), found["items_total"]) == (MOST_ITEMS, 100)
    lines: list[str] = []
    Console("console", lines.append).send(found)
    assert lines[-1] == f"  and {100 - MOST_ITEMS} more"
    assert "    and 17 more findings" in lines
    sent = payload(found)
    assert len(sent["blocks"]) <= MOST_BLOCKS
    assert all(len(b["text"]["text"]) <= LONGEST_SECTION for b in sent["blocks"] if b["type"] == "section")
    assert sent["blocks"][-2]["text"]["text"] == f"and {100 - MOST_ITEMS} more"


def test_slack_sees_no_mention_link_or_markup_in_data(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    hostile = "<!channel> <https://evil|click> *bold* `code` & @here\x1b[31m"
    channel(monkeypatch, f"{receiver.url}/slack", kind="slack").send(notice(item(FAIL, message=hostile)))
    (posted,) = receiver.posted
    assert posted.headers["Content-Type"].startswith("application/json")
    sent = posted.document
    assert set(sent) == {"text", "blocks"}
    header, section, context = sent["blocks"]
    assert header == {"type": "header", "text": {"type": "plain_text", "text": "❌ shop: 1 FAIL", "emoji": True}}
    assert section["text"]["type"] == "mrkdwn"
    text = section["text"]["text"]
    assert text.startswith("❌ *FAIL* lake, counts: &lt;!channel&gt; &lt;https://evil|click&gt; ")
    assert not set("<>`\x1b") & set(text)
    assert text.count("*") == 2
    assert context["elements"][0]["text"].startswith("run run-0, ")


def test_a_webhook_is_sent_the_document_signed_and_told_apart(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    monkeypatch.setenv("KEY", "s3cret-key")
    monkeypatch.setenv("AUTH", "Bearer abcdef")
    hook = channel(
        monkeypatch,
        f"{receiver.url}/hook?team=data",
        kind="webhook",
        secret={"env": "KEY"},
        headers={"Authorization": {"env": "AUTH"}, "X-Team": "data"},
    )
    document = notice(item(FAIL, "missing", message="naïve \ud800 text"))
    hook.send(document)
    (posted,) = receiver.posted
    assert posted.path == "/hook?team=data"
    assert posted.document["title"] == "shop: 1 FAIL"
    assert posted.headers["Authorization"] == "Bearer abcdef"
    assert posted.headers["X-Team"] == "data"
    assert posted.headers["Idempotency-Key"] == document["notice_id"]
    signed = hmac.new(b"s3cret-key", posted.body, hashlib.sha256).hexdigest()
    assert posted.headers["X-Pipeline-Checks-Signature"] == f"sha256={signed}"
    assert b"s3cret" not in posted.body


@pytest.mark.parametrize(
    ("status", "headers", "error", "data"),
    [
        (500, {}, TransientError, {"status": 500}),
        (429, {"Retry-After": "17"}, TransientError, {"status": 429, "retry_after": 17.0}),
        (404, {}, TerminalError, {"status": 404}),
        (302, {"Location": "/elsewhere"}, TerminalError, {"status": 302}),
    ],
)
def test_what_is_not_taken_raises_without_the_url(
    monkeypatch: pytest.MonkeyPatch,
    receiver: Receiver,
    status: int,
    headers: dict[str, str],
    error: type[PipelineChecksError],
    data: dict[str, Any],
) -> None:
    receiver.answers = [(status, headers)]
    with pytest.raises(error) as problem:
        channel(monkeypatch, f"{receiver.url}/T0/B0/hidden", kind="slack").send(notice(item()))
    assert problem.value.data == data
    assert "hidden" not in str(problem.value)
    assert len(receiver.posted) == 1


def test_a_channel_that_is_away_or_not_set_up_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TransientError, match=r"the Slack channel 'ops' at 127\.0\.0\.1"):
        channel(monkeypatch, "http://127.0.0.1:9/hidden", kind="slack").send(notice(item()))
    away = channel(monkeypatch, "", kind="slack")
    monkeypatch.delenv("HOOK")
    with pytest.raises(ConfigurationError, match="HOOK is not set"):
        away.send(notice(item()))


def test_no_secret_of_the_settings_or_of_a_url_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        "SHOP_URL": "postgresql://me:p%40ss-word@db:5432/shop",
        "OPS_HOOK": "https://hooks.example/T0/B0/zzz",
        "OPS_AUTH": "Bearer tok-123",
        CHANNEL_VARIABLES[1]: "https://hooks.example/T1/B1/yyy",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    contract = {"key": ["id"]}
    stage = {
        "name": "pg",
        "kind": "postgres_table",
        "connection": {"url": {"env": "SHOP_URL"}},
        "table": "public.t",
        "contract": contract,
    }
    hook = {"kind": "webhook", "url": {"env": "OPS_HOOK"}, "headers": {"Authorization": {"env": "OPS_AUTH"}}}
    pipeline = Pipeline(
        name="shop",
        stages=(declaration_class("postgres_table").model_validate(stage),),
        alerts=AlertsDeclaration.model_validate({"channels": [hook]}),
    )
    said = "p@ss-word p%40ss-word Bearer tok-123 https://hooks.example/T0/B0/zzz https://hooks.example/T1/B1/yyy"
    found = notice(
        item(FAIL, "missing", message=f"{said} redis://u:other-one@h/0", check="tok-123"), mask=mask_of(pipeline)
    )
    text = json.dumps(found)
    for secret in ("p@ss-word", "p%40ss-word", "Bearer tok-123", "zzz", "yyy", "other-one"):
        assert secret not in text, secret
    assert found["items"][0]["message"] == "*** *** *** *** *** redis://u:***@h/0"
    assert found["items"][0]["findings"][0]["message"] == "id 4 is missing"


def test_the_environment_names_channels_where_none_are_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CHANNEL_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert list(channels_of(AlertsDeclaration(), print)) == ["console"]
    for name in CHANNEL_VARIABLES:
        monkeypatch.setenv(name, "https://ops.example")
    assert list(channels_of(AlertsDeclaration(), print)) == ["console", "webhook", "slack"]
