"""What the sensors of five pipelines cost while nothing moves: the daemon's processor time with them, less without."""

from __future__ import annotations

from statistics import median

from benchmarks.daemon import daemon
from benchmarks.figures import Figure
from benchmarks.own_stack import own_stack
from pipeline_checks.pipelines.parts import services_of
from pipeline_checks.verification.discovery import load_pipelines

SECONDS, LIMIT = 60.0, 5.0
STRETCHES = 3


def measure_idle_sensors() -> list[Figure]:
    """Return the share of one core that the sensors take."""
    pipelines = load_pipelines()
    shares = {}
    with own_stack() as provider:
        provider.up(services_of(pipelines), lambda _: None)
        for watch in (False, True):
            with daemon(watch=watch) as running:
                running.await_ticks("alerts", 3)
                if watch:
                    running.await_ticks("watch_offsets", 5)  # the first opens connections and loads libraries
                shares[watch] = median(running.share(SECONDS) for _ in range(STRETCHES))
    how = f"{shares[True]:.1f} % with, {shares[False]:.1f} % without the sensors of {len(pipelines)} pipelines"
    return [Figure("idle sensors", shares[True] - shares[False], "% of a core", LIMIT, detail=how)]
