"""Names: of stages, and what tells from the name of a column that it may be a key or an event time."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from pipeline_checks.introspection.found import Candidate, FoundColumn

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_]+")
_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_CHANGED: Final = ("updated", "modified", "changed", "lastupdate", "lastupdated", "lastmodified")
_HAPPENED: Final = ("eventtime", "eventts", "eventtimestamp", "eventat", "at", "occurred", "timestamp", "ts", "time")
_MADE: Final = ("created", "inserted", "recorded", "added")
_TIMES: Final = frozenset({"timestamp", "timestamptz"})
_TAILS: Final = ("at", "on", "date", "time", "ts", "timestamp", "datetime")
_IDENTITIES: Final = ("id", "key", "uuid", "guid", "uid")


def stage_name(prefix: str, name: str, taken: Collection[str] = ()) -> str:
    """Return the name of a stage, made of what the system calls the place; numbered when it is taken.

    >>> stage_name("topic", "shop.public.orders"), stage_name("pg", "orders", {"pg_orders"})
    ('topic_shop_public_orders', 'pg_orders_2')
    """
    wanted = f"{prefix}_{_NOT_IN_A_NAME.sub('_', name).strip('_')}"
    found, number = wanted, 1
    while found in taken:
        number += 1
        found = f"{wanted}_{number}"
    return found


def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a name in lower case.

    >>> words_of("lastUpdated_at"), words_of("OrderID")
    (('last', 'updated', 'at'), ('order', 'id'))
    """
    return tuple(word.lower() for word in _WORDS.findall(name))


def event_times(columns: Mapping[str, FoundColumn], is_changed: bool = True) -> tuple[Candidate, ...]:
    """Return the columns that may say when a row was last true in its source, the likeliest first.

    Only times of day with a date count; ``is_changed`` says whether rows are changed, so that the time of the last
    change comes before that of the making.
    """
    found: list[tuple[int, str]] = []
    for name, column in columns.items():
        if column.type.name in _TIMES:
            rank = _rank(name, is_changed)
            if rank is not None:
                found.append((rank + (2 if column.nullable else 0), name))
    return tuple(Candidate((name,), "by its name and type") for _, name in sorted(found, key=lambda f: f[0]))


def _rank(name: str, is_changed: bool) -> int | None:
    words = words_of(name)
    bare = "".join(words[:-1] if len(words) > 1 and words[-1] in _TAILS else words)
    if bare in _CHANGED:
        return 0 if is_changed else 20
    if "".join(words) in _HAPPENED or bare in _HAPPENED:
        return 10
    if bare in _MADE:
        return 15
    return None


def keys(columns: Mapping[str, FoundColumn], subject: str) -> tuple[Candidate, ...]:
    """Return the columns that may identify a row by what they are called, the likeliest first; to be proved.

    An identity of something else (a foreign key) is none, however unique it is in the rows of today.
    """
    own = words_of(subject.rpartition(".")[2])
    singular = {"".join(own), "".join(own).removesuffix("s"), own[-1].removesuffix("s") if own else ""}
    found: list[tuple[bool, str]] = []
    for name, column in columns.items():
        words = words_of(name)
        if not words or words[-1] not in _IDENTITIES or column.type.family in ("float", "struct", "array", "map"):
            continue
        about = "".join(words[:-1])
        if not about or about in singular or about in ("event", "row", "record"):
            found.append((bool(about), name))
    return tuple(Candidate((name,), "by its name") for _, name in sorted(found, key=lambda f: f[0]))
