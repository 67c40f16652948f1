"""latency: how long events took from their commit in the source to this stage, against limits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, model_validator

from pipeline_checks.checks.applicability import has_event_history
from pipeline_checks.checks.judging import as_json, conclude, counted, promise_of
from pipeline_checks.model.check import CheckConfiguration, Evidence
from pipeline_checks.model.duration import Duration
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.measure import Latencies, LatencySample, Measure
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement, Verdict

_QUANTILES = (("p50_seconds", 0.50), ("p95_seconds", 0.95), ("p99_seconds", 0.99))


class LatencyConfiguration(CheckConfiguration):
    """``latency: {warn: 10s, fail: 30s, window: 1h}``.

    ``warn``: limit of the time that 95 of 100 events stay below; 10 seconds by default. ``fail``: limit of the slowest
    event; 30 seconds by default. ``window``: events committed within this time before now are looked at; one hour by
    default.
    """

    warn: Annotated[Duration, Field(gt=0)] = 10.0
    fail: Annotated[Duration, Field(gt=0)] = 30.0
    window: Annotated[Duration, Field(gt=0)] = 3600.0

    @model_validator(mode="after")
    def _warns_before_it_fails(self) -> LatencyConfiguration:
        if self.warn > self.fail:
            raise ValueError(f"warn ({self.warn:g} s) is greater than fail ({self.fail:g} s)")
        return self


class LatencyCheck:
    """Time from commit to this stage, by event: the last hop is held to the limits, all are reported."""

    kind = "latency"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Topics of change events, change logs, APIs, ledgers of loads: where it is known when each event arrived."""
        return has_event_history(stage)

    def configure(self, stage: StageDeclaration) -> LatencyConfiguration:
        """Return the limits."""
        return promise_of(stage, self.kind, LatencyConfiguration)

    def measures(self, stage: StageDeclaration, configuration: LatencyConfiguration) -> frozenset[Measure]:
        """Return the times of the events in the window."""
        return frozenset({Latencies(configuration.window)})

    def judge(self, configuration: LatencyConfiguration, evidence: Evidence) -> Judgement:
        """Return FAIL when the slowest event is too slow or times decrease, WARN when p95 is or there is no data."""
        sample: LatencySample = evidence[Latencies(configuration.window)]
        hops = {name: _summary(seconds) for name, seconds in sample.hops.items() if seconds}
        if sample.events == 0 or not hops:
            message = f"no data: no event was committed in the last {configuration.window:g} s and has arrived"
            return Judgement(Verdict.WARN, message, {"events": 0}, {"events": 0})
        hop, last = list(hops.items())[-1]
        doubts = []
        if last["p95_seconds"] > configuration.warn:
            doubts.append(f"p95 is above {configuration.warn:g} s")
        return conclude(
            evidence,
            f"{hop} of {counted(sample.events, 'event')}: p50 {last['p50_seconds']:.2f} s, "
            f"p95 {last['p95_seconds']:.2f} s, max {last['max_seconds']:.2f} s",
            {"events": sample.events},
            findings=tuple(_findings(configuration, evidence, sample, hop, last["max_seconds"])),
            doubts=doubts,
            measures={**last, "events": sample.events, "backwards": sample.backwards, "hops": hops},
        )


def _findings(
    limits: LatencyConfiguration, evidence: Evidence, sample: LatencySample, hop: str, slowest: float
) -> Iterator[Finding]:
    name = evidence.stage.name
    if slowest > limits.fail:
        event = {k: _plain(v) for k, v in (sample.slowest or {}).items()}
        key = event.get("key")
        place = f" (topic {event['topic']}, partition {event['partition']}, offset {event['offset']})" if event else ""
        yield Finding(
            "late",
            name,
            f"the slowest event{place} took {slowest:.2f} s to {name}, {limits.fail:g} s are allowed",
            key=key if isinstance(key, dict) else None,
            position=evidence.position,
            detail=hop,
            expected=limits.fail,
            seen=round(slowest, 3),
            extra={"event": {k: v for k, v in event.items() if k != "key"}} if event else {},
        )
    if sample.backwards:
        yield Finding(
            "out_of_order",
            name,
            f"{counted(sample.backwards, 'event')} arrived at a hop before the hop in front of it",
            position=evidence.position,
            detail="times_decrease",
            expected=0,
            seen=sample.backwards,
        )


def _summary(seconds: Sequence[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    found = {name: round(_quantile(ordered, share), 6) for name, share in _QUANTILES}
    return {**found, "max_seconds": round(ordered[-1], 6)}


def _quantile(ordered: Sequence[float], share: float) -> float:
    """The least value that at least ``share`` of all values do not exceed (nearest rank)."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _plain(value: Any) -> Any:
    return {k: as_json(v) for k, v in value.items()} if isinstance(value, Mapping) else as_json(value)


CHECK = LatencyCheck()
