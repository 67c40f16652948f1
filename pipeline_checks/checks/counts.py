"""counts: the stage holds exactly the rows it must hold at the cut, by key; and as many as its contract allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from pipeline_checks.checks.applicability import (
    has_rows_told_by_fates,
    is_comparable_when_behind,
    is_event_topic,
    is_loaded_by_files,
    is_source,
    is_topic,
)
from pipeline_checks.checks.duplicate_findings import duplicate_findings, duplicate_measures
from pipeline_checks.checks.judging import conclude, counted, inexact, json_key, named_key, promise_of
from pipeline_checks.checks.row_number import number_doubts, number_findings
from pipeline_checks.model.check import CheckConfiguration, Evidence
from pipeline_checks.model.finding import Finding
from pipeline_checks.model.keyless import NumberComparison, NumberDifference
from pipeline_checks.model.links import is_linked
from pipeline_checks.model.measure import (
    KEY_SAMPLE,
    DuplicateKeys,
    Facts,
    KeyComparison,
    KeyDifference,
    KeyPlace,
    KeyRange,
    Measure,
    RowCount,
)
from pipeline_checks.model.position import OffsetsPosition, Position
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.model.verdict import Judgement, Verdict

MALFORMED = Facts("malformed")
RowLimit = Annotated[int, Field(strict=True, ge=0)]


class CountsConfiguration(CheckConfiguration):
    """``counts: {min: 1, max: 1000000}``: the rows that the stage must have at least and at most."""

    min: RowLimit | None = None
    max: RowLimit | None = None

    @model_validator(mode="after")
    def _is_a_range(self) -> CountsConfiguration:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is greater than max {self.max}")
        return self


class CountsCheck:
    """Exact count by key against what the source and the topics say that the stage must hold."""

    kind = "counts"

    def applies_to(self, stage: StageDeclaration) -> bool:
        """Every stage that holds rows; of records that were made of others ``conservation`` tells."""
        return stage.holds_rows and not is_linked(stage)

    def configure(self, stage: StageDeclaration) -> CountsConfiguration:
        """Return the limits of the contract, none by default."""
        return promise_of(stage, self.kind, CountsConfiguration)

    def measures(self, stage: StageDeclaration, configuration: CountsConfiguration) -> frozenset[Measure]:
        """Return the count; with a key the comparison of keys and the duplicates, without one that of the number."""
        wanted: set[Measure] = {RowCount()}
        if has_rows_told_by_fates(stage):
            return frozenset(wanted)
        if stage.contract.key and not is_loaded_by_files(stage):  # of which ``content`` tells line by line
            wanted |= {KeyComparison(), *duplicate_measures(stage)}
        elif not is_source(stage) and stage.from_ and "rejected" not in stage.contract.promises:
            wanted.add(NumberComparison())  # of what was rejected that check tells record by record
        if is_event_topic(stage):
            wanted.add(MALFORMED)
        return frozenset(wanted)

    def judge(self, configuration: CountsConfiguration, evidence: Evidence) -> Judgement:
        """Return FAIL with a finding for each missing, unexpected, doubled or malformed row."""
        measured = self.measures(evidence.stage, configuration)
        difference: KeyDifference | None = evidence[KeyComparison()] if KeyComparison() in measured else None
        compared = NumberComparison() in measured
        number: NumberDifference | None = evidence[NumberComparison()] if compared else None
        keys = _KeyFindings(evidence, difference)
        malformed = tuple(_malformed(evidence))
        rows = _rows(evidence, difference, number)
        limits = (*_limits(configuration, evidence, rows), *(number_findings(evidence, number) if keys.decided else ()))
        contradiction = tuple(_contradiction(evidence, difference))
        judgement = conclude(
            evidence,
            _message(rows, difference or number, keys, len(malformed)),
            {"rows": rows},
            findings=(*keys.findings, *malformed[:KEY_SAMPLE], *limits, *contradiction),
            total=keys.total + len(malformed) + len(limits) + len(contradiction),
            doubts=_doubts(evidence, difference, number),
            measures=_measures(evidence, rows, difference, keys, malformed),
        )
        if judgement.verdict is not Verdict.FAIL and not keys.decided:
            reason = evidence.coverage.reason or "the stage does not cover the cut"
            return Judgement(
                Verdict.UNSETTLED,
                f"{counted(rows, 'row')}, not compared: {reason}",
                judgement.looked_at,
                judgement.measures,
            )
        return judgement


class _KeyFindings:
    """Findings about single keys.

    ``decided`` is False where a difference proves nothing because the stage may not have been given the keys yet.
    """

    def __init__(self, evidence: Evidence, difference: KeyDifference | None) -> None:
        covers = evidence.coverage.covers_cut
        self.decided = covers is True or (covers is False and is_comparable_when_behind(evidence.stage))
        self.missing = self.unexpected = self.duplicated = 0
        self.findings: tuple[Finding, ...] = ()
        if difference is None:
            return
        if self.decided:
            self.missing, self.unexpected = difference.missing_total, difference.unexpected_total
            self.findings = (
                *(_of_key(evidence, "missing", difference, k, p) for k, p in difference.missing),
                *(_of_range(evidence, r) for r in difference.ranges),
                *(_of_key(evidence, "unexpected", difference, k, p) for k, p in difference.unexpected),
            )
        if difference.rows > difference.distinct_keys:
            self.duplicated = evidence[DuplicateKeys(evidence.stage.contract.key)].keys
            self.findings += duplicate_findings(evidence)

    @property
    def total(self) -> int:
        return self.missing + self.unexpected + self.duplicated


def _of_key(
    evidence: Evidence,
    kind: Literal["missing", "unexpected"],
    difference: KeyDifference,
    key: Mapping[str, Any],
    place: KeyPlace | None,
) -> Finding:
    name, place = evidence.stage.name, place or KeyPlace()
    against = " and ".join(difference.against)
    is_missing = kind == "missing"
    said = f"is missing from {name}" if is_missing else f"stands in {name} and should not"
    by = f", by {against}" if against else ""
    first = f", first at {place.stage}" if place.stage else ""
    last = ""
    if place.event is not None:
        last = f"; its last event{', a delete,' if place.is_deleted else ''} is at {_record(place.event)}"
    return Finding(
        "resurrected" if not is_missing and place.is_deleted and not place.stage else kind,
        place.stage or name,
        f"{named_key(key)} {said}{by}{first}{last}",
        key=json_key(key),
        position=evidence.position,
        expected=1 if is_missing else 0,
        seen=0 if is_missing else 1,
        extra={
            **({} if place.event is None else {"last_event": place.event.to_json()}),
            **({"seen_at": name} if place.stage else {}),
        },
    )


def _record(event: Position) -> str:
    if isinstance(event, OffsetsPosition):
        return ", ".join(f"partition {p}, offset {o} of {topic}" for topic, p, o in event.offsets)
    return str(event.value())


def _of_range(evidence: Evidence, lost: KeyRange) -> Finding:
    name = evidence.stage.name
    where = f"partition {lost.partition}, offsets {lost.first}-{lost.last} of {lost.topic}"
    return Finding(
        "missing",
        name,
        f"{counted(lost.keys, 'key')} are missing from {name}: all whose last events stand at {where}",
        position=evidence.position,
        detail="range",
        expected=lost.keys,
        seen=0,
        extra={
            "keys": [json_key(key) for key in lost.sample],
            "keys_total": lost.keys,
            "events": {"topic": lost.topic, "partition": lost.partition, "first": lost.first, "last": lost.last},
        },
    )


def _malformed(evidence: Evidence) -> Iterator[Finding]:
    if not is_event_topic(evidence.stage):
        return
    name = evidence.stage.name
    topic = _topic(evidence)
    for record in evidence[MALFORMED]:
        partition, offset = int(record["partition"]), int(record["offset"])
        size = record.get("bytes")
        yield Finding(
            "unexpected",
            name,
            f"the record at partition {partition}, offset {offset} of {topic} is malformed: {record.get('error')}",
            key={"partition": partition, "offset": offset},
            position=OffsetsPosition.of({topic: {partition: offset}}),
            detail="malformed",
            expected="a change event",
            seen=str(record.get("error")),
            extra={"bytes": size} if isinstance(size, int) else {},
        )


def _topic(evidence: Evidence) -> str:
    if isinstance(evidence.position, OffsetsPosition) and evidence.position.offsets:
        return evidence.position.offsets[0][0]
    return str(getattr(evidence.stage, "topic", evidence.stage.name))


def _limits(configuration: CountsConfiguration, evidence: Evidence, rows: int) -> Iterator[Finding]:
    name, position = evidence.stage.name, evidence.position
    low, high = configuration.min, configuration.max
    if low is not None and rows < low:
        message = f"{name} has {counted(rows, 'row')}, at least {low:,} are promised"
        yield Finding("missing", name, message, position=position, detail="below_min", expected=low, seen=rows)
    if high is not None and rows > high:
        message = f"{name} has {counted(rows, 'row')}, at most {high:,} are promised"
        yield Finding("unexpected", name, message, position=position, detail="above_max", expected=high, seen=rows)


def _rows(evidence: Evidence, difference: KeyDifference | None, number: NumberDifference | None) -> int:
    if difference is not None:
        return difference.rows
    return number.found if number is not None else evidence[RowCount()] or 0


def _contradiction(evidence: Evidence, difference: KeyDifference | None) -> Iterator[Finding]:
    """A stage that counts otherwise than its rows can be read is damaged, whichever of both is right.

    Not of topics, whose keys are folded, nor of logs, of which only the records are compared that the topic still has.
    """
    stage, rows = evidence.stage, RowCount()
    if difference is None or is_topic(stage) or stage.row_meaning != "current" or any(inexact(evidence, (rows,), "")):
        return
    told = evidence[rows]
    if told is None or told == difference.rows:
        return
    yield Finding(
        "missing" if told > difference.rows else "unexpected",
        stage.name,
        f"{stage.name} says that it has {counted(told, 'row')}, but {difference.rows:,} can be read",
        position=evidence.position,
        detail="row_count",
        expected=told,
        seen=difference.rows,
    )


def _doubts(evidence: Evidence, difference: KeyDifference | None, number: NumberDifference | None) -> Iterator[str]:
    if number is not None:
        yield from number_doubts(number)
        return
    if difference is None:
        yield from inexact(evidence, (RowCount(),), "the row count")
        return
    # The watermarks of a topic are a bound; its keys were counted from the records.
    told = (KeyComparison(),) if is_topic(evidence.stage) else (KeyComparison(), RowCount())
    yield from inexact(evidence, told, "the row count")
    if difference.unknown_keys:
        gone = counted(difference.unknown_keys, "key")
        yield f"nothing can be said of {gone}, whose events the topic no longer has"


def _message(rows: int, difference: KeyDifference | NumberDifference | None, keys: _KeyFindings, malformed: int) -> str:
    wrong = [
        f"{number:,} {word}"
        for number, word in (
            (keys.missing, "missing"),
            (keys.unexpected, "unexpected"),
            (keys.duplicated, "doubled"),
            (malformed, "malformed"),
        )
        if number
    ]
    if difference is None or difference.expected_rows is None:
        return ", ".join([counted(rows, "row"), *wrong])
    against = f" by {' and '.join(difference.against)}" if difference.against else ""
    expected = f", {difference.expected_rows:,} expected{against}"
    touched_keys = getattr(difference, "touched_keys", 0)
    touched = [f"{counted(touched_keys, 'key')} left out, changed since"] if touched_keys else []
    return ", ".join([counted(rows, "row") + expected, *wrong, *touched])


def _measures(
    evidence: Evidence, rows: int, difference: KeyDifference | None, keys: _KeyFindings, malformed: tuple[Finding, ...]
) -> dict[str, Any]:
    graded = KeyComparison() if difference is not None and is_topic(evidence.stage) else RowCount()
    found: dict[str, Any] = {"rows": rows, "rows_grade": str(evidence.grade(graded))}
    if difference is not None:
        found |= {
            "expected_rows": difference.expected_rows,
            "distinct_keys": difference.distinct_keys,
            "missing": keys.missing,
            "unexpected": keys.unexpected,
            "duplicate_keys": keys.duplicated,
            "unknown_keys": difference.unknown_keys,
            "touched_keys": difference.touched_keys,
            "against": list(difference.against),
        }
    if is_event_topic(evidence.stage):
        found |= {"records": evidence[RowCount()], "malformed": len(malformed)}
    return found


CHECK = CountsCheck()
