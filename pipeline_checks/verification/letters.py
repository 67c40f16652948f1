"""Dead letters, set against the records that they were made of, as these stand in their topic."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.conservation import RecordPlace
from pipeline_checks.model.dead_letters import DeadLetters, DeadLetterSample, WrongLetter
from pipeline_checks.model.events import OFFSET, OP, PARTITION, ROW_OPERATIONS
from pipeline_checks.model.measure import KEY_SAMPLE
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.verification.history import IN_CUT
from pipeline_checks.verification.linked import (
    SOURCE,
    STAGE,
    group_of,
    input_place,
    input_records,
    inputs_of,
    originals_of,
    output_place,
    output_records,
    outputs_of,
)
from pipeline_checks.verification.pinning import Pinner
from pipeline_checks.verification.settled import Settled

if TYPE_CHECKING:
    import polars

    from pipeline_checks.stages.message_schema import MessageJudge
    from pipeline_checks.stages.topic_originals import Original

VALID = "valid"
_Place = tuple[str, int, int]


def dead_letters(pipeline: Pipeline, pinner: Pinner, settled: Settled, measure: DeadLetters) -> DeadLetterSample:
    """Return what the dead letters of a topic are, and what is not right with them."""
    import polars as pl

    stage = settled.declaration
    topics, siblings = inputs_of(pipeline, stage), outputs_of(pipeline, group_of(pipeline, stage))
    given = input_records(pinner, topics).filter(pl.col(IN_CUT)).drop(IN_CUT)
    everything = output_records(pinner, siblings, topics).join(given, on=SOURCE, how="inner")
    columns = [c for c in (measure.original, measure.error_type, measure.errors) if c is not None]
    made = output_records(pinner, [stage], topics, [OP, *columns]).filter(pl.col(OP).is_in(ROW_OPERATIONS))
    letters = made.join(given, on=SOURCE, how="left").sort(PARTITION, OFFSET)
    linked = letters.filter(pl.all_horizontal(pl.col(c).is_not_null() for c in SOURCE))
    judges = {pinner.history(t.name).topic: _judge(pinner, t) for t in topics}
    kept = originals_of(pinner, topics, linked.select(SOURCE).iter_rows())
    wrong: list[WrongLetter] = []
    total = 0
    by_input: dict[tuple[str, str], tuple[int, tuple[tuple[RecordPlace, RecordPlace], ...]]] = {}
    for row in linked.iter_rows(named=True):
        place: _Place = (row[SOURCE[0]], row[SOURCE[1]], row[SOURCE[2]])
        if place not in kept:
            continue  # it has expired
        letter, source = output_place(row), input_place(pinner, topics, row)
        meaning = _meaning(judges, place)
        group = (meaning, str(row[measure.error_type]))
        number, sample = by_input.get(group, (0, ()))
        by_input[group] = (number + 1, (*sample, (letter, source)) if number < KEY_SAMPLE else sample)
        for found in _problems(row, measure, letter, source, kept[place], judges.get(place[0]), meaning):
            total += 1
            if len(wrong) < KEY_SAMPLE:
                wrong.append(found)
    not_dead = list(_not_dead(pinner, topics, stage, everything, judges))
    return DeadLetterSample(
        letters=letters.height,
        outputs=everything.height,
        types=dict(Counter(str(t) for t in letters.get_column(measure.error_type).to_list())),
        by_input=by_input,
        wrong_total=total,
        wrong=tuple(wrong),
        not_dead_total=len(not_dead),
        not_dead=tuple(not_dead[:KEY_SAMPLE]),
    )


def reason_of(value: bytes | None) -> str | None:
    """Return why a value is no message; None when it is a JSON object.

    >>> reason_of(None), reason_of(bytes([255])), reason_of(b"{"), reason_of(b"[]"), reason_of(b"{}")
    ('null_value', 'not_utf8', 'not_json', 'not_object', None)
    """
    import orjson

    if value is None:
        return "null_value"
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return "not_utf8"
    try:
        return None if isinstance(orjson.loads(value), dict) else "not_object"
    except orjson.JSONDecodeError:
        return "not_json"


def _problems(
    row: Mapping[str, Any],
    measure: DeadLetters,
    letter: RecordPlace,
    source: RecordPlace,
    record: Original,
    judge: MessageJudge | None,
    meaning: str,
) -> Iterator[WrongLetter]:
    import orjson

    seen = _loaded(row[measure.original])
    reason = reason_of(record.value)
    if reason is None:
        expected = orjson.loads(record.value or b"")
        if _canonical(seen) != _canonical(expected):
            why = "the original message is not the one that was sent"
            yield WrongLetter(letter, source, measure.original, why, expected, seen)
    elif not _keeps(seen, record.value, reason):
        raw = None if record.value is None else base64.b64encode(record.value).decode()
        wanted = {"raw_base64": raw, "reason": reason}
        why = "the original message does not hold the bytes that were sent, or not the reason"
        yield WrongLetter(letter, source, measure.original, why, wanted, seen)
    if measure.errors is None or judge is None:
        return
    told = _loaded(row[measure.errors])
    listed = {str(e) for e in told} if isinstance(told, list) else set()
    broken = judge.errors(orjson.loads(record.value or b"")) if reason is None and meaning != VALID else set()
    if str(row[measure.error_type]).startswith("validation") and not broken <= listed:
        lacking = sorted(broken - listed)
        why = f"{len(lacking)} of {len(broken)} errors of validation are not listed"
        yield WrongLetter(letter, source, measure.errors, why, sorted(broken), sorted(listed))


def _not_dead(
    pinner: Pinner,
    topics: Sequence[StageDeclaration],
    stage: StageDeclaration,
    made: polars.DataFrame,
    judges: Mapping[str, MessageJudge | None],
) -> Iterator[tuple[RecordPlace, RecordPlace, str]]:
    import polars as pl

    wrong = [(t, p, o) for t, judge in judges.items() if judge is not None for p, o in judge.wrong]
    if not wrong:
        return
    places = pl.DataFrame(wrong, schema={c: made.schema[c] for c in SOURCE}, orient="row")
    alive = made.filter(pl.col(STAGE) != stage.name).join(places, on=SOURCE, how="semi").sort(*SOURCE)
    for row in alive.iter_rows(named=True):
        place: _Place = (row[SOURCE[0]], row[SOURCE[1]], row[SOURCE[2]])
        yield input_place(pinner, topics, row), output_place(row), _meaning(judges, place)


def _meaning(judges: Mapping[str, MessageJudge | None], place: _Place) -> str:
    judge = judges.get(place[0])
    return VALID if judge is None else judge.wrong.get((place[1], place[2]), VALID)


def _judge(pinner: Pinner, topic: StageDeclaration) -> MessageJudge | None:
    return getattr(getattr(pinner.reader(topic), "decoder", None), "judge", None)


def _loaded(value: Any) -> Any:
    import orjson

    try:
        return orjson.loads(value) if isinstance(value, str | bytes) else value
    except orjson.JSONDecodeError:
        return value


def _keeps(seen: Any, value: bytes | None, reason: str) -> bool:
    if not isinstance(seen, dict) or seen.get("reason") != reason:
        return False
    raw = seen.get("raw_base64")
    if value is None:
        return raw is None
    try:
        return isinstance(raw, str) and base64.b64decode(raw, validate=True) == value
    except ValueError:
        return False


def _canonical(value: Any) -> bytes:
    import orjson

    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
