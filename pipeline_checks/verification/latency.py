"""Time of each event from its commit in the source to each later hop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.events import (
    APPEND_TIME,
    COMMIT_TIME,
    CONNECTOR_TIME,
    OFFSET,
    OP,
    PARTITION,
    SNAPSHOT,
    TRUNCATE,
)
from pipeline_checks.model.measure import LatencySample
from pipeline_checks.model.position import SnapshotPosition
from pipeline_checks.verification.fold import first_told
from pipeline_checks.verification.history import TopicHistory

if TYPE_CHECKING:
    import polars

CLOCK_TOLERANCE = timedelta(milliseconds=50)
"""How far the clocks of two systems on one machine, each read in milliseconds, may disagree."""


@dataclass(frozen=True)
class Arrival:
    """At ``instant`` everything below ``offset`` of the partition had arrived at a hop.

    ``instant`` is None when it had arrived earlier, nobody knows when.
    """

    partition: int
    offset: int
    instant: datetime | None


def table_arrivals(commits: Sequence[Mapping[str, Any]], topic: str) -> list[Arrival]:
    """Return when each offset arrived in a table, from its retained commits in order of time.

    What the oldest of them covers may have arrived with a commit that has been expired since.
    """
    arrivals: list[Arrival] = []
    for commit, covers, cut_off in _covering(commits, topic):
        instant = datetime.fromisoformat(str(commit["timestamp"]))
        arrivals += [Arrival(p, o, None if cut_off else instant) for p, o in covers.items()]
    return arrivals


def served_arrivals(
    commits: Sequence[Mapping[str, Any]], loads: Sequence[Mapping[str, Any]], topic: str
) -> list[Arrival]:
    """Return when each offset could first be asked of an API that serves the versions of a table.

    A version that was never loaded is served by the next one that was. As in ``table_arrivals``, nothing is known of
    what the oldest retained commit covers, nor of a version of which it is not known since when it is served.
    """
    place = _places(commits)
    loaded = sorted((at, entry["loaded_at"]) for entry in loads if (at := place(entry["version"])) is not None)
    arrivals: list[Arrival] = []
    for commit, covers, cut_off in _covering(commits, topic):
        own = place(commit["version"])
        served = [instant for at, instant in loaded if own is not None and at >= own]
        if served:
            known = None if cut_off or None in served else min(datetime.fromisoformat(str(i)) for i in served)
            arrivals += [Arrival(p, o, known) for p, o in covers.items()]
    return arrivals


def _places(commits: Sequence[Mapping[str, Any]]) -> Callable[[Any], int | None]:
    """Return what gives the place of a version among others: versions count up, ids of snapshots do not."""
    if not any(isinstance(c.get("position"), SnapshotPosition) for c in commits):
        return int
    order = {str(commit["version"]): number for number, commit in enumerate(commits)}
    return lambda version: order.get(str(version))


def _covering(
    commits: Sequence[Mapping[str, Any]], topic: str
) -> Iterator[tuple[Mapping[str, Any], dict[int, int], bool]]:
    """Yield the commits that say what they cover of the topic, each with its next offset per partition, and with
    whether commits before it may have covered the same and have been expired."""
    cut_off = bool(commits) and not commits[0].get("is_first")
    for commit in commits:
        covers = (commit.get("covers") or {}).get(topic)
        if covers:
            yield commit, {int(p): int(o) for p, o in covers.items()}, cut_off
            cut_off = False


def measure_latency(
    history: TopicHistory, now: datetime, window: float, hop: str | None = None, arrivals: Sequence[Arrival] = ()
) -> LatencySample:
    """Return the times of the streamed events committed within ``window`` seconds before ``now``.

    Hops are ``commit_to_connector`` and ``commit_to_topic``, and ``hop`` by ``arrivals`` where given; events that
    had not arrived there are left out.
    """
    import polars

    events = history.values().filter(
        (polars.col(OP) != TRUNCATE)
        & ~polars.col(SNAPSHOT)
        & polars.col(COMMIT_TIME).is_not_null()
        & (polars.col(COMMIT_TIME) >= now - timedelta(seconds=window))
    )
    events = events.sort(PARTITION, OFFSET).filter(first_told(history.key))  # a replayed event had arrived before
    instants = [COMMIT_TIME, CONNECTOR_TIME, APPEND_TIME]
    names = ["commit_to_connector", "commit_to_topic"]
    if hop is not None:
        events = _with_arrival(events, arrivals)
        instants.append("__arrival")
        names.append(hop)
    if events.height == 0:
        return LatencySample(0, {name: () for name in names})
    seconds = events.select(
        *(
            (polars.col(i) - polars.col(COMMIT_TIME)).dt.total_microseconds().truediv(1e6).alias(n)
            for i, n in zip(instants[1:], names, strict=True)
        )
    )
    decreasing = polars.any_horizontal(
        *(polars.col(later) < polars.col(earlier) - CLOCK_TOLERANCE for earlier, later in pairwise(instants))
    )
    backwards = events.filter(decreasing).height
    worst = events.row(int(seconds.get_column(names[-1]).arg_max() or 0), named=True)
    slowest = {
        "topic": history.topic,
        "partition": worst[PARTITION],
        "offset": worst[OFFSET],
        "key": {k: worst[k] for k in history.key},
    }
    return LatencySample(
        events=events.height,
        hops={name: tuple(seconds.get_column(name).to_list()) for name in names},
        backwards=backwards,
        slowest=slowest,
    )


def _with_arrival(events: polars.DataFrame, arrivals: Sequence[Arrival]) -> polars.DataFrame:
    """Add to each event the first instant at which its partition had been covered beyond its offset."""
    import polars

    steps = polars.DataFrame(
        {
            PARTITION: [a.partition for a in arrivals],
            OFFSET: [a.offset - 1 for a in arrivals],
            "__arrival": [a.instant for a in arrivals],
        },
        schema={PARTITION: events.schema[PARTITION], OFFSET: polars.Int64, "__arrival": polars.Datetime("us", "UTC")},
    )
    # The earliest instant at which a position at or beyond the offset was reached.
    steps = steps.sort(PARTITION, OFFSET, "__arrival").with_columns(
        polars.col("__arrival").reverse().cum_min().reverse().over(PARTITION)
    )
    steps = steps.unique([PARTITION, OFFSET], keep="first").sort(OFFSET)
    joined = events.sort(OFFSET).join_asof(steps, on=OFFSET, by=PARTITION, strategy="forward", check_sortedness=False)
    return joined.filter(polars.col("__arrival").is_not_null())
