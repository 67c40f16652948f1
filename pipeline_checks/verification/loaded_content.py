"""The records of the files that were loaded, set against the rows of the table: as multisets, told by file and line."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.fields import FieldType, holds, struct_of, type_of, union
from pipeline_checks.model.kinds import OBJECT_KINDS
from pipeline_checks.model.loading import ChangedLine, ContentDifference, LineRange, Version
from pipeline_checks.model.measure import KEY_SAMPLE, DuplicateSample
from pipeline_checks.model.pipeline import Pipeline
from pipeline_checks.stages.s3_pinned import PinnedS3Files
from pipeline_checks.values.plain_rows import image, plain
from pipeline_checks.verification.loaded_fields import field_differences, written_as
from pipeline_checks.verification.loading import load_facts, table_loads
from pipeline_checks.verification.settled import Settled

if TYPE_CHECKING:
    import pyarrow

    from pipeline_checks.verification.pinning import Pinner

_WIDTH = 1 << 128
_LINES = 40
"""Bits of a place that are the line; those above are the file."""
_KEPT = 10_000
"""Rows that no file explains that are kept, to be paired with lines that are missing."""

Row = Mapping[str, Any]


@dataclass
class _Lines:
    """The records of all files: where each image stands, which fields there are, and in how many records each is."""

    places: dict[bytes, int | list[int]] = field(default_factory=dict)
    records: int = 0
    sum: int = 0
    present: Counter[str] = field(default_factory=Counter)
    types: dict[str, FieldType] = field(default_factory=dict)
    brought_by: dict[str, str] = field(default_factory=dict)


def content_difference(pipeline: Pipeline, pinner: Pinner, settled: Settled) -> ContentDifference:
    """Return in which rows a table differs from the files that were loaded into it."""
    facts = load_facts(pipeline, pinner, settled)
    source = _source(pipeline, pinner, settled)
    loads = table_loads(pinner, settled, facts.known.ingestion_id)
    owed = {file.version for file in facts.in_table() if file.records}
    if facts.table is not None:
        told = {(one.path, one.etag) for one in facts.table.of(facts.known.ingestion_id) if one.is_live}
        owed |= {version for version in source.versions() if version[:2] in told}
    unread = tuple(sorted(version[0] for version in owed - source.versions()))
    versions = sorted(owed & source.versions())
    table = None if loads is None else loads.table()
    ignored = set(settled.declaration.ignore)
    found = {} if table is None else {n: t for n, t in table.fields.items() if n not in ignored}
    lines = _read(source, versions, found, set(found))
    common = {n for n in found.keys() & lines.types.keys() if holds(found[n], lines.types[n])}
    if table is not None and common != set(found) & lines.types.keys():
        lines = _read(source, versions, found, common)
    rows = None if loads is None else loads.rows()
    return _compared(settled, source, versions, unread, found, common, lines, rows)


def _compared(
    settled: Settled,
    source: PinnedS3Files,
    versions: Sequence[Version],
    unread: tuple[str, ...],
    found: Mapping[str, FieldType],
    common: set[str],
    lines: _Lines,
    rows: pyarrow.Table | None,
) -> ContentDifference:
    seen: Counter[bytes] = Counter()
    strangers: list[dict[str, Any]] = []
    stranger_total = total = 0
    digest = 0
    present: Counter[str] = Counter()
    for row in _rows(rows, list(found)):
        total += 1
        present.update(row.keys())
        mark = _mark({name: value for name, value in row.items() if name in common})
        digest += int.from_bytes(mark, "big")
        if mark in lines.places:
            seen[mark] += 1
            continue
        stranger_total += 1
        if len(strangers) < _KEPT:
            strangers.append(row)
    missing, repeated = _lacking(lines, seen)
    key = settled.declaration.contract.key
    changed, strangers, missing = _paired(source, versions, key, missing, strangers, found, common)
    fields = field_differences(
        {n: lines.types.get(n) for n in {**found, **lines.types}},
        found,
        {name: total - present[name] for name in found},
        {name: lines.records - lines.present[name] for name in found},
        lines.brought_by,
        comparable=not unread and not stranger_total and not missing and not repeated and not changed,
    )
    return ContentDifference(
        rows=total,
        expected_rows=lines.records,
        files=len(versions),
        unread=unread,
        missing=tuple(_ranges(versions, missing)),
        repeated=tuple(_repeated(versions, repeated)),
        changed=tuple(changed[:KEY_SAMPLE]),
        changed_total=len(changed),
        strangers=() if unread else tuple(strangers[:KEY_SAMPLE]),
        strangers_total=0 if unread else stranger_total - len(changed),
        fields=fields,
        digest=f"{digest % _WIDTH:032x}",
        expected_digest=f"{lines.sum % _WIDTH:032x}",
    )


def classes_of_doubled(
    pipeline: Pipeline, pinner: Pinner, settled: Settled, doubled: DuplicateSample
) -> tuple[str, ...]:
    """Return what the doubled keys of a loaded table are: ``business``: as often in the files; ``replayed``: of a file
    that was loaded twice; ``sink_rewrite``: written a second time by something else."""
    if not doubled.sample:
        return ()
    facts = load_facts(pipeline, pinner, settled)
    source = _source(pipeline, pinner, settled)
    key = settled.declaration.contract.key
    wanted = {image(named): rows for named, rows in doubled.sample}
    times = Counter(
        (one.path, one.etag) for one in (facts.table.loads if facts.table is not None else ()) if one.is_live
    )
    stands: Counter[bytes] = Counter()
    again: set[bytes] = set()
    for version in sorted({f.version for f in facts.in_table()} & source.versions()):
        for _, record in source.records(version).records:
            mark = image({name: record.get(name) for name in key})
            if mark in wanted:
                stands[mark] += 1
                if times[version[:2]] > 1:
                    again.add(mark)

    def class_of(mark: bytes, rows: int) -> str:
        if stands[mark] >= rows:
            return "business"
        return "replayed" if mark in again else "sink_rewrite"

    return tuple(class_of(image(named), rows) for named, rows in doubled.sample)


def _source(pipeline: Pipeline, pinner: Pinner, settled: Settled) -> PinnedS3Files:
    stage = next(s for s in pipeline.ancestors(settled.declaration) if s.kind in OBJECT_KINDS)
    pinned = pinner.settled(stage).readable()
    assert isinstance(pinned, PinnedS3Files)
    return pinned


def _read(
    source: PinnedS3Files, versions: Sequence[Version], found: Mapping[str, FieldType], names: set[str]
) -> _Lines:
    """Return the records of the files by those fields that are compared."""
    lines = _Lines()
    for number, version in enumerate(versions):
        told = source.records(version)
        seen: set[Any] = set()
        kinds: list[FieldType] = []
        for line, record in told.records:
            typed = written_as(record, found, told.are_texts)
            lines.records += 1
            kept = plain(typed) or {}
            lines.present.update(kept.keys())
            mark = _mark({name: value for name, value in kept.items() if name in names})
            lines.sum += int.from_bytes(mark, "big")
            _put(lines.places, mark, number << _LINES | line)
            shape = _shape(record if not told.are_texts else typed)
            if shape is None or shape not in seen:
                seen.add(shape)
                kinds.append(type_of(record if not told.are_texts else typed))
        for name, type_ in union((struct_of({}), *kinds)).fields:
            lines.brought_by.setdefault(name, version[0])
            lines.types[name] = union((lines.types[name], type_)) if name in lines.types else type_
    return lines


def _shape(record: Row) -> Any:
    """What records of one type have in common, where that is cheaply told; None for those with something inside."""
    kinds = tuple(value.__class__ for value in record.values())
    return None if dict in kinds or list in kinds else (tuple(record), kinds)


def _mark(row: Row) -> bytes:
    return hashlib.blake2b(image(row), digest_size=16).digest()


def _put(places: dict[bytes, int | list[int]], mark: bytes, place: int) -> None:
    before = places.get(mark)
    if before is None:
        places[mark] = place
    elif isinstance(before, list):
        before.append(place)
    else:
        places[mark] = [before, place]


def _rows(rows: pyarrow.Table | None, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    if rows is None:
        return
    for batch in rows.select(list(names)).to_batches(max_chunksize=10_000):
        for row in batch.to_pylist():
            yield plain(row) or {}


def _lacking(lines: _Lines, seen: Counter[bytes]) -> tuple[list[int], list[tuple[int, int]]]:
    """The places that are missing from the table, and those that it has more often, with how often."""
    missing: list[int] = []
    repeated: list[tuple[int, int]] = []
    for mark, place in lines.places.items():
        places = place if isinstance(place, list) else [place]
        if seen[mark] < len(places):
            missing += places[seen[mark] :]
        elif seen[mark] > len(places):
            repeated += [(one, seen[mark]) for one in places]
    return sorted(missing), sorted(repeated)


def _paired(
    source: PinnedS3Files,
    versions: Sequence[Version],
    key: tuple[str, ...],
    missing: list[int],
    strangers: list[dict[str, Any]],
    found: Mapping[str, FieldType],
    common: set[str],
) -> tuple[list[ChangedLine], list[dict[str, Any]], list[int]]:
    """Set lines that are missing against rows that no line explains, where both have the same key."""
    if not key or not missing or not strangers:
        return [], strangers, missing
    by_key: dict[bytes, list[dict[str, Any]]] = {}
    for row in strangers:
        by_key.setdefault(image({name: row.get(name) for name in key}), []).append(row)
    wanted = set(missing)
    changed, left = [], []
    for number in sorted({place >> _LINES for place in missing}):
        told = source.records(versions[number])
        for line, record in told.records:
            place = number << _LINES | line
            if place not in wanted:
                continue
            expected = plain(written_as(record, found, told.are_texts)) or {}
            same = by_key.get(image({name: expected.get(name) for name in key}))
            if not same:
                left.append(place)
                continue
            row = same.pop()
            names = sorted(n for n in common if expected.get(n) != row.get(n))
            named = {name: expected.get(name) for name in key}
            want, seen = ({n: side.get(n) for n in names} for side in (expected, row))
            changed.append(ChangedLine(versions[number][0], line, named, want, seen))
    return changed, [row for rows in by_key.values() for row in rows], left


def _ranges(versions: Sequence[Version], places: Iterable[int]) -> Iterator[LineRange]:
    yield from _repeated(versions, ((place, 0) for place in places))


def _repeated(versions: Sequence[Version], places: Iterable[tuple[int, int]]) -> Iterator[LineRange]:
    """Yield stretches of consecutive lines of a file that the table has equally often."""
    first = last = copies = -1
    for place, number in places:
        if place == last + 1 and number == copies:
            last = place
            continue
        if first >= 0:
            yield _range(versions, first, last, copies)
        first, last, copies = place, place, number
    if first >= 0:
        yield _range(versions, first, last, copies)


def _range(versions: Sequence[Version], first: int, last: int, copies: int) -> LineRange:
    mask = (1 << _LINES) - 1
    return LineRange(versions[first >> _LINES][0], first & mask, last & mask, copies)
