"""The numbers of a stage that must add up, and what had to be rejected against the dead letters."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.balance import Balance, Rejected, RejectedDifference, Sums, TableCommit
from pipeline_checks.model.events import OFFSET, OP, PARTITION, ROW_OPERATIONS
from pipeline_checks.model.kinds import LAKE_KINDS, LEDGER_KINDS, SERVED_KINDS, TOPIC_KINDS
from pipeline_checks.model.measure import KEY_SAMPLE, Facts, RowCount
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.stage import PinnedStage, StageDeclaration
from pipeline_checks.stages.byte_records import VALUE
from pipeline_checks.verification.awaited_letters import SOURCE
from pipeline_checks.verification.history import TopicHistory
from pipeline_checks.verification.pinning import Pinner
from pipeline_checks.verification.settled import Settled

if TYPE_CHECKING:
    import polars

REASON, STAGE = "reason", "stage"
"""Headers of a dead letter beside ``SOURCE``: why, and by whom (``client`` or ``consumer``)."""
CLIENT, CONSUMER = "client", "consumer"
_CLAIMS = {"record_count": "records", "duplicates_skipped": "duplicates", "dead_lettered": "dead_letters"}


def balance(pipeline: Pipeline, pinner: Pinner, settled: Settled, measure: Balance) -> Sums:
    """Return the numbers of a stage. Raises what kept a stage from being read."""
    stage = settled.declaration
    letters = None if measure.dead_letters is None else pipeline.stage(measure.dead_letters)
    if stage.kind in SERVED_KINDS:
        return _of_served(pipeline, pinner, settled)
    if stage.kind in LAKE_KINDS:
        return _of_table(pipeline, pinner, settled, letters)
    if stage.kind in TOPIC_KINDS:
        return _of_topic(pipeline, pinner, settled, letters)
    return Sums(problem=f"nothing is known of what comes to {stage.name}")


def _of_topic(pipeline: Pipeline, pinner: Pinner, settled: Settled, letters: StageDeclaration | None) -> Sums:
    fed = pinner.fed_topic(settled.declaration)
    if fed is None:
        return Sums(problem="what the feed has sent is not known, as it keeps no ledger")
    found = fed.balance()
    given = {"trades": found["trades"], "resends": found["resends"], "repaired": found["repaired"]}
    made = {"records": found["records"]}
    if letters is not None:
        made["dead_letters"] = _letters(pinner, letters, CLIENT).height
        given["bad_frames"] = len(_bad_frames(fed.later))
    made["missing"] = found["missing"]
    return Sums(given, made)


def _of_table(pipeline: Pipeline, pinner: Pinner, settled: Settled, letters: StageDeclaration | None) -> Sums:
    import polars as pl

    topics = pinner.topics_of(settled.declaration)
    if len(topics) != 1 or settled.covers is None:
        return Sums(problem="the table does not say which records it holds")
    history = pinner.history(topics[0].name)
    below = history.below(history.frame, settled.covers)
    if not history.is_whole:
        gone = f"records of {topics[0].name} have expired that the table may have been made of"
        return Sums({"records": below.height}, {"rows": _rows(settled)}, expired=gone)
    records = below.filter(pl.col(OP).is_in(ROW_OPERATIONS))
    distinct = records.select(list(history.key)).unique().height
    rows = _rows(settled)
    duplicates = records.height - distinct
    counted = {"records": below.height, "duplicates": duplicates}
    made = {"rows": rows, "duplicates": duplicates}
    if letters is not None:
        made["dead_letters"] = counted["dead_letters"] = _letters(pinner, letters, CONSUMER, history).height
    return Sums({"records": below.height}, made, _claims(settled, counted), counted)


def _of_served(pipeline: Pipeline, pinner: Pinner, settled: Settled) -> Sums:
    above = pipeline.upstream(settled.declaration)[0]
    held = pinner.settled(above)
    if settled.coverage.covers_cut is False:
        return Sums(problem=settled.coverage.reason)
    return Sums({"rows": _rows(held)}, {"served": _rows(settled)})


def _claims(settled: Settled, counted: Mapping[str, int]) -> dict[str, int]:
    """What the table's commits say of themselves, added up; nothing where the oldest of them are gone."""
    commits = _fact(settled.readable(), "summaries")
    if not commits or not commits[0]["is_first"]:
        return {}
    claimed: dict[str, int] = {}
    for commit in commits:
        for name, means in _CLAIMS.items():
            if means in counted and name in commit["properties"]:
                claimed[means] = claimed.get(means, 0) + int(commit["properties"][name])
    return claimed


def _rows(settled: Settled) -> int:
    measure = RowCount()
    told = settled.readable().answer(frozenset({measure})).get(measure)
    if told is not None:
        return int(told.value)
    from pipeline_checks.verification.pinning import read_keys

    return read_keys(settled.readable(), settled.declaration.contract.key).height


def _fact(pinned: PinnedStage, topic: str) -> Any:
    asked = Facts(topic)
    return pinned.answer(frozenset({asked}))[asked].value


def _bad_frames(feed: PinnedStage) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _fact(feed, "bad_frames")
    return found


def _letters(pinner: Pinner, stage: StageDeclaration, by: str, of: TopicHistory | None = None) -> polars.DataFrame:
    """The dead letters that a program has written, where asked those of records of one topic."""
    import polars as pl

    wanted = [PARTITION, OFFSET, VALUE, REASON, STAGE, *SOURCE]
    frame = pl.from_arrow(pinner.settled(stage).readable().rows(wanted))
    assert isinstance(frame, pl.DataFrame)
    found = frame.filter(pl.col(STAGE) == by) if by else frame
    if of is not None:
        found = found.filter(pl.col(SOURCE[0]) == of.topic)
    return found


def table_commits(pipeline: Pipeline, pinner: Pinner, group: Settled) -> tuple[TableCommit, ...]:
    """Return what a group has committed, partition by partition, beside what each table that it writes covers."""
    committed = group.position if isinstance(group.position, OffsetsPosition) else OffsetsPosition.of({})
    found = []
    for table in (s for s in pipeline.stages if s.kind in LAKE_KINDS and group.declaration.name in s.from_):
        settled = pinner.settled(table)
        settled.readable()
        covers = settled.covers or OffsetsPosition.of({})
        topics = {pinner.history(t.name).topic for t in pinner.topics_of(table)}
        for topic, partition, offset in committed.offsets:
            if topic in topics:
                found.append(TableCommit(table.name, topic, partition, offset, covers.next_offset(topic, partition)))
    return tuple(found)


def rejected(pipeline: Pipeline, pinner: Pinner, settled: Settled) -> RejectedDifference:
    """Return what had to be rejected and is not among the dead letters, and dead letters of nothing.

    A frame is told by its bytes, which may be sent more than once; a record of a topic by its place. Records that the
    tables made of the topic do not cover yet need no dead letter.
    """
    import polars as pl

    stage = settled.declaration
    frame = pl.from_arrow(settled.readable().rows([PARTITION, OFFSET, VALUE, REASON, STAGE, *SOURCE]))
    assert isinstance(frame, pl.DataFrame)
    feeds = [s for s in pipeline.upstream(stage) if s.kind in LEDGER_KINDS]
    feed = pinner.settled(feeds[0]) if feeds else None
    has_ledger = feed is None or feed.coverage.covers_cut is True
    frames = [] if feed is None or not has_ledger else _bad_frames(feed.readable())
    mine = list(frame.filter(pl.col(STAGE) == CLIENT).iter_rows(named=True))
    missing, unexpected = _by_bytes(frames, mine, settled)
    owed = list(_unreadable(pipeline, pinner, stage))
    letters = list(frame.filter(pl.col(STAGE).is_null() | (pl.col(STAGE) != CLIENT)).iter_rows(named=True))
    more_missing, more_unexpected = _by_place(owed, letters, pinner, pipeline, stage)
    missing += more_missing
    unexpected += more_unexpected
    reasons = Counter(str(r) for r in frame.get_column(REASON).drop_nulls().to_list())
    return RejectedDifference(
        frames=len(frames),
        records=len(owed),
        letters=frame.height,
        reasons=dict(sorted(reasons.items())),
        missing_total=len(missing),
        missing=tuple(missing[:KEY_SAMPLE]),
        unexpected_total=len(unexpected),
        unexpected=tuple(unexpected[:KEY_SAMPLE]),
        without_reason=frame.height - sum(reasons.values()),
        has_ledger=has_ledger,
    )


def _by_bytes(
    frames: list[dict[str, Any]], letters: list[dict[str, Any]], settled: Settled
) -> tuple[list[Rejected], list[Rejected]]:
    lost = Counter(f["raw"] for f in frames) - Counter(r[VALUE] for r in letters)
    stray = Counter(r[VALUE] for r in letters) - Counter(f["raw"] for f in frames)
    reasons = {f["raw"]: str(f["reason"]) for f in frames}
    missing = [
        Rejected(f"a frame of {len(raw)} bytes that the feed has sent", {"sha256": _digest(raw)}, reasons[raw])
        for raw in sorted(lost.elements())
    ]
    unexpected = []
    for row in letters:
        if stray[row[VALUE]] > 0:
            stray[row[VALUE]] -= 1
            unexpected.append(_letter(row, settled.declaration.name))
    return missing, unexpected


def _letter(row: Mapping[str, Any], stage: str) -> Rejected:
    place = {"partition": row[PARTITION], "offset": row[OFFSET]}
    where = f"the dead letter at partition {row[PARTITION]}, offset {row[OFFSET]} of {stage}"
    return Rejected(where, place, str(row[REASON] or "no reason"))


def _unreadable(
    pipeline: Pipeline, pinner: Pinner, stage: StageDeclaration
) -> Iterator[tuple[TopicHistory, int, int, str]]:
    """The records of the topics before that no one can read, as far as the tables made of them have got."""
    for topic in (s for s in pipeline.upstream(stage) if s.kind in TOPIC_KINDS):
        pinned = pinner.settled(topic).readable()
        history = pinner.history(topic.name)
        covered = _covered(pipeline, pinner, topic, history)
        for record in _fact(pinned, "malformed"):
            partition, offset = int(record["partition"]), int(record["offset"])
            if offset < covered.get(partition, 0):
                yield history, partition, offset, str(record["error"])


def _covered(pipeline: Pipeline, pinner: Pinner, topic: StageDeclaration, history: TopicHistory) -> dict[int, int]:
    tables = [s for s in pipeline.stages if s.kind in LAKE_KINDS and topic.name in s.from_]
    covers = [pinner.settled(t).covers for t in tables]
    known = [c.partitions(history.topic) for c in covers if isinstance(c, OffsetsPosition)]
    if not known:
        return history.end.partitions(history.topic)
    return {p: min(k.get(p, 0) for k in known) for p in history.end.partitions(history.topic)}


def _by_place(
    owed: list[tuple[TopicHistory, int, int, str]],
    letters: list[dict[str, Any]],
    pinner: Pinner,
    pipeline: Pipeline,
    stage: StageDeclaration,
) -> tuple[list[Rejected], list[Rejected]]:
    places = {(h.topic, p, o): why for h, p, o, why in owed}
    # A record behind what a table covers may have its dead letter already, which is acknowledged first.
    known = {
        (pinner.history(t.name).topic, int(r["partition"]), int(r["offset"]))
        for t in pipeline.upstream(stage)
        if t.kind in TOPIC_KINDS
        for r in _fact(pinner.settled(t).readable(), "malformed")
    }
    seen = Counter(tuple(row[name] for name in SOURCE) for row in letters)
    missing = [
        Rejected(f"the record at partition {p}, offset {o} of {t}", {"partition": p, "offset": o}, why)
        for (t, p, o), why in sorted(places.items())
        if (t, p, o) not in seen
    ]
    unexpected, told = [], set()
    for row in letters:
        place = tuple(row[name] for name in SOURCE)
        if place not in known or place in told:
            unexpected.append(_letter(row, stage.name))
        told.add(place)
    return missing, unexpected


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:16]
