"""Through a ledger to channels: told once by whoever judges, kept while a channel is away, in their order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline_checks.alerts.sending import Sent, send_alerts
from pipeline_checks.model.clock import now
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.verdict import Verdict
from pipeline_checks.verification.ledger.alert_book import AlertBook, KeptMute
from pipeline_checks.verification.ledger.location import FILE, URL_VARIABLE, location
from pipeline_checks_tests.receiver import Receiver
from pipeline_checks_tests.unit.alerts.outcomes import outcome

PASS, FAIL = Verdict.PASS, Verdict.FAIL


def send(pipeline: Pipeline, verdict: Verdict, hours: float, *kinds: str, **named: Any) -> Sent:
    return send_alerts(pipeline, [outcome(verdict, hours, *kinds)], lambda line: None, patience=0.0, **named)


def titles(receiver: Receiver, path: str) -> list[str]:
    return [d["title"] if path == "/hook" else d["text"] for d in receiver.of(path)]


def test_two_runs_tell_a_failure_once_and_its_recovery_once(shop: Pipeline, receiver: Receiver) -> None:
    told = [send(shop, verdict, hour) for hour, verdict in enumerate((PASS, FAIL, FAIL, PASS, PASS))]
    assert [s.items for s in told] == [0, 1, 0, 1, 0]
    assert told[1].delivered == {"slack": 1, "webhook": 1}
    assert titles(receiver, "/hook") == ["shop: 1 FAIL", "shop: 1 recovered"]
    assert titles(receiver, "/slack") == ["❌ shop: 1 FAIL", "✅ shop: 1 recovered"]


def test_what_several_judge_at_once_is_told_once(shop: Pipeline, receiver: Receiver) -> None:
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda hour: send(shop, FAIL, hour), (1, 1, 1, 1)))
    assert sum(s.items for s in told) == 1
    assert (len(receiver.of("/hook")), len(receiver.of("/slack"))) == (1, 1)


def test_a_channel_that_is_away_loses_nothing_and_the_others_are_told_of_it(
    shop: Pipeline, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    working = f"{receiver.url}/hook"
    monkeypatch.setenv("OPS_HOOK", "http://127.0.0.1:9/gone")
    said: list[str] = []
    first = send_alerts(shop, [outcome(FAIL, 1)], said.append, patience=0.0)
    assert first.delivered == {"slack": 2}
    (problem,) = first.problems
    assert "the webhook 'webhook' at 127.0.0.1" in problem
    assert "kept and sent again later" in problem
    assert said == [f"WARN: {problem}"]
    assert send(shop, PASS, 2).problems  # the channel is still away, which is not told again
    assert titles(receiver, "/slack") == ["❌ shop: 1 FAIL", "💥 shop: 1 ERROR", "✅ shop: 1 recovered"]
    assert "alerts to webhook" in receiver.of("/slack")[1]["blocks"][1]["text"]["text"]

    monkeypatch.setenv("OPS_HOOK", working)
    assert send_alerts(shop, (), said.append, patience=0.0).delivered == {}  # not due before its time
    assert send_alerts(shop, (), said.append, patience=0.0, at_once=True).problems == ()
    assert titles(receiver, "/hook") == ["shop: 1 FAIL", "shop: 1 recovered", "shop: 1 recovered"]
    assert receiver.of("/hook")[-1]["items"][0]["check"] == "alerts to webhook"
    assert titles(receiver, "/slack")[3:] == ["✅ shop: 1 recovered"]


def test_a_refused_message_is_tried_again_at_once_while_there_is_patience(shop: Pipeline, receiver: Receiver) -> None:
    receiver.answers = [(503, {}), (502, {})]
    told = send_alerts(shop, [outcome(FAIL, 1)], lambda line: None, patience=20.0)
    assert (told.problems, told.delivered) == ((), {"slack": 1, "webhook": 1})
    assert len(receiver.posted) == 4


def test_a_message_sent_again_carries_the_same_key(
    shop: Pipeline, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPS_SLACK", f"{receiver.url}/slack")
    receiver.answers = [(200, {}), (500, {})]  # Slack's comes first, by name
    send(shop, FAIL, 1)
    send_alerts(shop, (), lambda line: None, patience=0.0, at_once=True)
    keys = [p.headers["Idempotency-Key"] for p in receiver.posted if p.path == "/hook"]
    assert len(keys) >= 2
    assert keys[0] == keys[1]


def test_a_channel_that_says_when_is_asked_no_sooner(shop: Pipeline, receiver: Receiver) -> None:
    receiver.answers = [(429, {"Retry-After": "900"}), (429, {"Retry-After": "900"})]
    send(shop, FAIL, 1)
    book = AlertBook(location())
    waiting = {w.channel: w.next_at for w in book.waiting() if "FAIL" in w.document["title"]}
    book.close()
    assert all(at > now() + timedelta(seconds=850) for at in waiting.values())
    assert set(waiting) == {"slack", "webhook"}


def test_a_mute_of_a_command_holds_until_it_ends(shop: Pipeline, receiver: Receiver) -> None:
    book = AlertBook(location())
    mute = KeptMute("shop", "lake", "*", now(), now() + timedelta(hours=1))
    book.mute(mute)
    assert send(shop, FAIL, 1).items == 0
    assert [a.told_at for a in book.open_alerts()] == [None]
    book.unmute([mute.mute_id], now())
    book.close()
    assert send(shop, FAIL, 2).items == 1
    assert receiver.of("/hook")[0]["items"][0]["since"] == "2026-05-01T13:00:00+00:00"


def test_an_alert_of_another_program_is_told_once(shop: Pipeline, receiver: Receiver) -> None:
    event = {"id": "a-1", "kind": "low_rows", "message": "2999 rows, below 3000", "run_id": "r7", "recipients": ["x@y"]}
    for _ in range(2):
        send_alerts(shop, (), lambda line: None, events=[event], patience=0.0)
    (told,) = receiver.of("/hook")
    assert (told["title"], told["state"], told["event"]) == ("shop: low_rows", "event", event)
    assert len(receiver.of("/slack")) == 1


def test_without_a_ledger_everything_wrong_is_told_and_the_reason(
    shop: Pipeline, receiver: Receiver, home_of_the_test: Path
) -> None:
    home_of_the_test.mkdir()
    (home_of_the_test / FILE).write_text("this is no database" * 100)
    told = [send(shop, verdict, hour) for hour, verdict in enumerate((FAIL, FAIL, PASS))]
    assert [s.items for s in told] == [1, 1, 0]
    assert all("may be told twice" in s.problems[0] for s in told)
    assert titles(receiver, "/hook") == ["shop: 1 FAIL", "shop: 1 FAIL"]


def test_a_ledger_in_the_captured_database_is_not_written(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, shop: Pipeline
) -> None:
    monkeypatch.setenv(URL_VARIABLE, "mysql://nobody@nowhere/x")
    assert "mysql" in send(shop, FAIL, 1).problems[0]
    assert titles(receiver, "/hook") == ["shop: 1 FAIL"]
