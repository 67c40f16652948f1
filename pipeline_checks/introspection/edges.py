"""Which of the places found are made from which: by what systems say of each other, else by names and columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from pipeline_checks.introspection.found import Found, FoundColumn
from pipeline_checks.introspection.names import words_of

_RECORD_PLACE: Final = ("_topic", "_partition", "_offset")
"""Columns of a table whose rows are records of a topic, each with its place there."""
_MOST: Final = 0.5
"""The share of a table's columns that a copy of it must have."""
_ORDER: Final = ("postgres_table", "service", "debezium_topic", "kafka_topic", "delta_table", "iceberg_table")


def with_edges(found: Iterable[Found]) -> list[Found]:
    """Return the places with what each is made from, in an order in which each stands behind its upstream."""
    placed = sorted(found, key=lambda f: _ORDER.index(f.kind))
    tables = {f.of_table: f for f in placed if f.kind == "postgres_table"}
    topics = [_of_topic(f, tables, placed) for f in placed if f.kind == "debezium_topic"]
    by_name = {f.name: f for f in topics}
    connectors = [_of_connector(f, topics) for f in placed if f.kind == "service"]
    useful = {c.name for c in connectors if c.upstream}
    placed = [by_name.get(f.name, f) for f in placed if f.has_rows]
    joined: list[Found] = []
    for place in placed:
        is_lake = place.kind in ("delta_table", "iceberg_table")
        joined.append(_of_lake(place, joined) if is_lake else place)
    joined = [_with_references(f, joined) for f in joined]
    sources = [f for f in joined if f.kind == "postgres_table"]
    others = [f for f in joined if f.kind != "postgres_table"]
    return [*sources, *(c for c in connectors if c.name in useful), *others]


def _of_topic(topic: Found, tables: Mapping[tuple[str, str, str] | None, Found], placed: Sequence[Found]) -> Found:
    table = None if topic.of_table is None else tables.get(topic.of_table)
    if table is None:
        return topic
    name = str(topic.fields["topic"])
    feeding = next((f for f in placed if f.kind == "service" and name.startswith(f"{f.subject}.")), None)
    fields = dict(topic.fields)
    if feeding is not None:
        fields["connector"] = feeding.name
    return topic.but(
        fields=fields | _emptiness(table),
        upstream=(table.name,) if feeding is None else (table.name, feeding.name),
        why_upstream=f"its events say that they are about {table.fields['table']}",
        inherits=True,
        ignored=_extras(topic.columns, table),
    )


def _of_connector(connector: Found, topics: Iterable[Found]) -> Found:
    """A connector stands behind the tables of its topics; one of which no topic was found is left out."""
    fed = [t.upstream[0] for t in topics if t.fields.get("connector") == connector.name]
    return connector.but(upstream=tuple(dict.fromkeys(fed)), why_upstream="the tables whose changes it writes")


def _of_lake(table: Found, before: Sequence[Found]) -> Found:
    fed_by = [f for f in before if f.fields.get("topic") in table.fed_by]
    if fed_by and len(fed_by) == len(table.fed_by):
        said = {"covers": {"commit_metadata": table.commits_say}}
        why = f"its commits say under {table.commits_say!r} what they hold of these topics"
        return _of_topics(table.but(fields={**table.fields, **said}, why_upstream=why), fed_by, before)
    likely = _likely(table, [f for f in before if f.kind == "postgres_table"])
    if len(likely) != 1:
        named = f": it may be made from {', '.join(f.name for f in likely)}" if likely else ""
        return table.but(notes=(*table.notes, f"what it is made from is not known{named}; name it with from:"))
    why = "by its name and columns; nothing says what it covers, so that what differs is looked at again later"
    return _copy(table.but(upstream=(likely[0].name,), why_upstream=why), likely[0])


def _of_topics(table: Found, topics: Sequence[Found], before: Sequence[Found]) -> Found:
    upstream = tuple(t.name for t in topics)
    holds_places = all(name in table.columns for name in _RECORD_PLACE)
    rows = _rows_of(topics[0], before)
    holds_rows = any(name in table.columns for name in rows.columns)
    if holds_places and (len(topics) > 1 or not holds_rows):
        fields = {**table.fields, "mode": "dead_letters", "may_be_empty": True}
        extras = {n: "not the place of a record" for n in table.columns if n not in _RECORD_PLACE}
        return table.but(upstream=upstream, fields=fields, ignored=extras, inherits=True)
    if holds_places and topics[0].kind == "debezium_topic":
        extras = {n: why for n, why in _extras(table.columns, rows).items() if n not in _RECORD_PLACE}
        fields = {**table.fields, "mode": "changes"}
        return table.but(upstream=upstream, fields=fields, ignored=extras, inherits=True)
    return _copy(table.but(upstream=upstream), rows)


def _rows_of(topic: Found, before: Sequence[Found]) -> Found:
    """Where the rows of a topic are described: at the table whose events it has, or at itself."""
    return next((f for f in before if f.name in topic.upstream and f.kind == "postgres_table"), topic)


def _copy(table: Found, of: Found) -> Found:
    """The contract of a table that holds the rows of another: the same, unless its columns are others."""
    table = table.but(ignored=_extras(table.columns, of), fields={**table.fields, **_emptiness(of)})
    common = {n: c for n, c in table.columns.items() if n in of.columns}
    held = all(n in common and column.type.fits_into(common[n].type) for n, column in of.columns.items())
    if held:
        return table.but(inherits=True)
    missing = [n for n in of.columns if n not in common]
    notes = (f"it has no column {', '.join(missing)}",) if missing else ()
    key = of.key if of.key is not None and set(of.key.columns) <= common.keys() else None
    times = tuple(c for c in of.event_times if set(c.columns) <= common.keys())
    promised = {n: FoundColumn(c.type, of.columns[n].nullable, _held(of.columns[n], c)) for n, c in common.items()}
    return table.but(
        columns=promised,
        keys=(key,) if key is not None else table.keys,
        event_times=times,
        notes=(*table.notes, *notes),
    )


def _held(column: FoundColumn, copied: FoundColumn) -> Mapping[str, object]:
    return column.promises if column.type.family == copied.type.family else {}


def _emptiness(of: Found) -> dict[str, bool]:
    return {"may_be_empty": True} if of.fields.get("may_be_empty") else {}


def _extras(columns: Iterable[str], of: Found) -> dict[str, str]:
    return {n: of.ignored.get(n, f"no column of {of.name}") for n in columns if n not in of.columns}


def _with_references(place: Found, all_: Sequence[Found]) -> Found:
    """A table of a lake refers to tables of the same lake: those that are made from the one referred to."""
    if place.kind == "postgres_table" or not place.upstream:
        return place
    source = _source_of(place, all_)
    if source is None or place.kind == "debezium_topic":
        return place if source is None else place.but(references=source.references)
    alike = [_source_of(f, all_) for f in all_ if f.kind == place.kind and _mode(f) == _mode(place)]
    there = {f.name for f in alike if f is not None}
    held = {c: t for c, t in source.references.items() if t.partition(".")[0] in there}
    return place.but(references={c: t for c, t in held.items() if place.inherits or c in place.columns})


def _mode(place: Found) -> object:
    return place.fields.get("mode", "current")


def _source_of(place: Found, all_: Sequence[Found]) -> Found | None:
    """The one table of a database that a place comes from."""
    above = [f for f in all_ if f.name in place.upstream and f.has_rows]
    if place.kind == "postgres_table" or len(above) != 1:
        return place if place.kind == "postgres_table" else None
    return _source_of(above[0], all_)


def _likely(table: Found, sources: Sequence[Found]) -> list[Found]:
    """The tables that it may be a copy of: of a like name, with their key and most of their columns."""
    alike = [s for s in sources if _is_alike(table, s) and _has_most_of(table, s)]
    exact = [s for s in alike if words_of(s.subject) == words_of(table.subject)]
    return exact or alike


def _is_alike(table: Found, source: Found) -> bool:
    own, other = words_of(table.subject), words_of(source.subject)
    return bool(other) and (own[-len(other) :] == other or own[: len(other)] == other)


def _has_most_of(table: Found, source: Found) -> bool:
    common = [n for n in source.columns if n in table.columns]
    key = source.key
    return key is not None and set(key.columns) <= set(common) and len(common) >= _MOST * len(source.columns)
