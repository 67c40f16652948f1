"""Faults of the exchange: what it does by plan while it trades on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline_checks.clients.http import client, get_json, translated
from pipeline_checks.clients.settings import setting
from pipeline_checks.faults.fault import Target
from pipeline_checks.faults.injury import Injury
from pipeline_checks.model.clock import Deadline
from pipeline_checks.model.errors import TerminalError, TransientError
from pipeline_checks.pipelines.market_data.scenarios.fresh import begin_anew

COUNT = 100
"""Trades of each symbol that are made while the plan holds."""
_SECONDS = 30.0

Ledger = Mapping[str, Any]
Plan = Callable[[Ledger], Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class ExchangeFault:
    """The exchange makes ``count`` trades of each symbol and does what ``plan`` says on the way.

    ``plan`` is given the ledger as it was before. Undoing begins anew: what was sent was sent.
    """

    name: str
    description: str
    plan_of: Plan
    count: int = COUNT

    def acts_on(self, target: Target) -> bool:
        """Whether the target is what the exchange says that it has sent."""
        return target.is_stage and target.stage.kind == "feed_ledger"

    def plan(self, target: Target) -> Injury:
        """Return the plan, with the last id of each symbol before it."""
        before = ledger()
        last = {s: int(told["last_id"]) for s, told in before["symbols"].items()}
        faults = [dict(f) for f in self.plan_of(before)]
        what = f"{self.description} (behind entry {before['position']})"
        facts = {"position": before["position"], "last": last, "faults": faults, "not_sent": before["not_sent"]}
        return Injury(self.name, target.pipeline.name, target.name, what, facts=facts)

    def act(self, target: Target, injury: Injury) -> Injury:
        """Hand in the plan, let it trade, and wait until it has."""
        post("/plan", {"faults": injury.facts["faults"]})
        post("/feed", {"count": self.count})
        if not Deadline(_SECONDS).wait_until(lambda: ledger()["idle"] and _is_done()):
            raise TransientError("the exchange does not get done with its plan.", next_step="Look at its log.")
        after = ledger()
        return replace(injury, facts={**injury.facts, "not_sent": _new(injury.facts["not_sent"], after["not_sent"])})

    def undo(self, target: Target, injury: Injury) -> None:
        """Begin anew."""
        begin_anew(target.services)


def ledger() -> dict[str, Any]:
    """Return what the exchange says of its ledger."""
    with client(setting("MARKET_EXCHANGE_URL")) as session:
        found: dict[str, Any] = get_json(session, "/ledger")[0]
    return found


def post(path: str, body: Mapping[str, Any]) -> None:
    """Tell the exchange something; raises TerminalError when it does not take it."""
    with client(setting("MARKET_EXCHANGE_URL")) as session, translated(f"POST {path}"):
        answer = session.post(path, json=dict(body))
    if not answer.is_success:
        raise TerminalError(f"the exchange refuses POST {path}: {answer.status_code} {answer.text[:300]}")


def trade(count: int = 20) -> None:
    """Have the exchange make some more trades of each symbol, without waiting for them."""
    post("/feed", {"count": count})


def _is_done() -> bool:
    """Whether nothing of the plan is left, and somebody listens again."""
    with client(setting("MARKET_EXCHANGE_URL")) as session:
        plan, course = get_json(session, "/plan")[0], get_json(session, "/feed")[0]
    return not plan.get("pending") and course["connections"] > 0


def _new(before: Mapping[str, Sequence[int]], after: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
    found = {symbol: sorted(set(ids) - set(before.get(symbol, ()))) for symbol, ids in after.items()}
    return {symbol: ids for symbol, ids in found.items() if ids}
